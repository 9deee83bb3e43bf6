# Compiler settings for all targets, and the one way to declare a library of core/.

include(GNUInstallDirs)
find_package(Threads REQUIRED)

add_library(mailcore_settings INTERFACE)
target_include_directories(mailcore_settings INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(mailcore_settings INTERFACE MAILCORE_VERSION="${PROJECT_VERSION}")
target_compile_options(mailcore_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  $<$<BOOL:${MAILCORE_WERROR}>:-Werror>)
target_link_libraries(mailcore_settings INTERFACE Threads::Threads)

# Hardening as Debian builds its daemons: position independent, full RELRO, stack protector.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
target_compile_options(mailcore_settings INTERFACE -fstack-protector-strong)
target_link_options(mailcore_settings INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,--as-needed)

if(MAILCORE_FAULTS)
  target_compile_definitions(mailcore_settings INTERFACE MAILCORE_FAULTS)
endif()

if(MAILCORE_SANITIZE)
  target_compile_options(mailcore_settings INTERFACE
    -fsanitize=${MAILCORE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(mailcore_settings INTERFACE -fsanitize=${MAILCORE_SANITIZE})
endif()

# mailcore_library(rules SOURCES decide.cpp … USES mail config PRIVATE_USES mailcore::re2)
# USES names what the library's public headers need; the link graph is the direction of dependencies.
function(mailcore_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;PRIVATE_USES" ${ARGN})
  if(ARG_SOURCES)
    add_library(mailcore_${name} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(mailcore_${name} PUBLIC mailcore_settings)
  else()
    add_library(mailcore_${name} INTERFACE)
    set(scope INTERFACE)
    target_link_libraries(mailcore_${name} INTERFACE mailcore_settings)
  endif()
  foreach(used IN LISTS ARG_USES)
    target_link_libraries(mailcore_${name} ${scope} ${used})
  endforeach()
  if(ARG_PRIVATE_USES)
    target_link_libraries(mailcore_${name} PRIVATE ${ARG_PRIVATE_USES})
  endif()
  add_library(mailcore::${name} ALIAS mailcore_${name})
endfunction()
