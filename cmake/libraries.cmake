# Third-party libraries, all Debian packages. Each is linked by the one folder that is its door:
#   tl::expected base · yaml-cpp config · OpenSSL crypto · libcurl net · RapidJSON vault-sync/vault · libidn2 mail · RE2 rules · LMDB, hiredis store
#   spdlog, prometheus-cpp, civetweb observe · CLI11, libsystemd run · nlohmann-json run, ctl and outcomes · libmilter milter
#   SQLite outcomes/store · zlib, libsystemd (its journal) outcomes/log

find_package(tl-expected REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto SSL)
find_package(CURL REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(PkgConfig REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(IDN2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(LMDB REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
find_package(ZLIB REQUIRED)

find_path(MILTER_INCLUDE_DIR libmilter/mfapi.h REQUIRED)
find_library(MILTER_LIBRARY milter REQUIRED)
add_library(milter_library INTERFACE)
target_include_directories(milter_library SYSTEM INTERFACE ${MILTER_INCLUDE_DIR})
target_link_libraries(milter_library INTERFACE ${MILTER_LIBRARY})

find_path(CLI11_INCLUDE_DIR CLI/CLI.hpp REQUIRED)
find_path(RAPIDJSON_INCLUDE_DIR rapidjson/document.h REQUIRED)
find_path(JSON_INCLUDE_DIR nlohmann/json.hpp REQUIRED)

# The HTTP server that prometheus-cpp brings along.
find_path(CIVETWEB_INCLUDE_DIR CivetServer.h REQUIRED)
find_library(CIVETWEB_CPP_LIBRARY civetweb-cpp REQUIRED)
find_library(CIVETWEB_LIBRARY civetweb REQUIRED)
add_library(civetweb_library INTERFACE)
target_include_directories(civetweb_library SYSTEM INTERFACE ${CIVETWEB_INCLUDE_DIR})
target_link_libraries(civetweb_library INTERFACE ${CIVETWEB_CPP_LIBRARY} ${CIVETWEB_LIBRARY})
