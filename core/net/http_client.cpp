#include "core/net/http_client.hpp"
