# Where the contract puts things: daemons in sbin, mailcorectl in bin, examples in /etc/mailcore.
install(TARGETS mailcore-policy mailcore-milter RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS mailcorectl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
