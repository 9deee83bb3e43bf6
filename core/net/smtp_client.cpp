#include "core/net/smtp_client.hpp"
