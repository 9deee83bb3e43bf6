# Where things go: daemons in sbin, mailcorectl in bin, units and man pages where Debian looks for them, examples below
# share/doc. Nothing goes to /etc/mailcore: an example tenant would be somebody's way in.
if(CMAKE_INSTALL_PREFIX_INITIALIZED_TO_DEFAULT)
  set(CMAKE_INSTALL_PREFIX /usr CACHE PATH "Where mailcore is installed" FORCE)   # as the units say, and the package
endif()
install(TARGETS mailcore-policy mailcore-milter mailcore-outcomes vault-sync RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS mailcorectl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# ---- man pages: scdoc, with the keys that the program itself names
find_program(SCDOC scdoc)
if(SCDOC)
  file(GLOB man_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.scd)
  foreach(source IN LISTS man_sources)
    get_filename_component(page ${source} NAME_WLE)
    string(REGEX REPLACE ".*\\." "" section ${page})
    set(output ${PROJECT_BINARY_DIR}/man/${page})
    set(program mailcorectl)   # whose keys the page has
    if(page MATCHES "^vault-sync")
      set(program vault-sync)
    endif()
    add_custom_command(OUTPUT ${output}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/man
      COMMAND ${CMAKE_COMMAND} -DSOURCE=${source} -DOUTPUT=${output} -DSCDOC=${SCDOC} -DPROGRAM=$<TARGET_FILE:${program}>
              -P ${PROJECT_SOURCE_DIR}/docs/man/assemble.cmake
      DEPENDS ${source} ${PROJECT_SOURCE_DIR}/docs/man/assemble.cmake ${program} VERBATIM)
    list(APPEND man_pages ${output})
    install(FILES ${output} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  endforeach()
  add_custom_target(man ALL DEPENDS ${man_pages})
else()
  message(STATUS "scdoc is missing: no man pages")
endif()

# ---- what refers to the programs by their path
function(install_with_paths source destination)
  get_filename_component(name ${source} NAME)
  file(READ ${PROJECT_SOURCE_DIR}/${source} text)
  string(REPLACE "/usr/sbin/mailcore" "${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SBINDIR}/mailcore" text "${text}")
  string(REPLACE "/usr/sbin/vault-sync" "${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SBINDIR}/vault-sync" text "${text}")
  string(REPLACE "/usr/bin/mailcore" "${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/mailcore" text "${text}")
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/installed/${source} CONTENT "${text}" @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${source})
  install(FILES ${PROJECT_BINARY_DIR}/installed/${source} DESTINATION ${destination})
endfunction()

foreach(unit IN ITEMS mailcore-policy.service mailcore-policy.socket mailcore-milter.service mailcore-outcomes.service
                      vault-sync.service vault-sync-once.service vault-sync-once.timer vault-sync-once.path)
  install_with_paths(systemd/${unit} lib/systemd/system)
endforeach()
install_with_paths(systemd/logrotate.d/mailcore ${CMAKE_INSTALL_DOCDIR}/examples/logrotate.d)
install(FILES systemd/sysusers.d/mailcore.conf DESTINATION lib/sysusers.d)
install(FILES systemd/tmpfiles.d/mailcore.conf DESTINATION lib/tmpfiles.d)

# ---- documents and examples
install(DIRECTORY etc/mailcore etc/postfix etc/prometheus etc/grafana DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES README.md CHANGELOG.md SECURITY.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md" PATTERN man EXCLUDE)

# ---- the Debian package: ./dev package
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME mailcore)
set(CPACK_PACKAGE_CONTACT "The mailcore developers <mailcore@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "postfix (>= 3.4), systemd")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${PROJECT_SOURCE_DIR}/systemd/debian/postinst;${PROJECT_SOURCE_DIR}/systemd/debian/prerm;${PROJECT_SOURCE_DIR}/systemd/debian/postrm")
include(CPack)
