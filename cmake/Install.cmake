# Where everything goes on a machine: cmake --install build --prefix /usr
include(GNUInstallDirs)
set(TINYPART_UNITS ON CACHE BOOL "Install the systemd service and its user (a Debian package brings them its own way)")
set(examples ${CMAKE_INSTALL_DOCDIR}/examples)

foreach(program tinypartd tinypartctl tinypart-device)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
install(FILES packaging/man/tinypartctl.1 packaging/man/tinypart-device.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES packaging/man/tinypartd.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES packaging/completions/tinypartctl DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES schema/openapi.json schema/wire.cddl DESTINATION ${CMAKE_INSTALL_DATADIR}/tinypart)
install(DIRECTORY packaging/examples/containers packaging/examples/traces DESTINATION ${examples} USE_SOURCE_PERMISSIONS)
install(DIRECTORY packaging/include/tinypart DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(PROGRAMS packaging/examples/listener.py DESTINATION ${examples})
if(TINYPART_UNITS)
  install(FILES packaging/tinypartd.service DESTINATION lib/systemd/system)
  install(FILES packaging/tinypart.sysusers DESTINATION lib/sysusers.d RENAME tinypart.conf)
endif()

# The example configuration is the table of settings itself, every one at its default.
if(TARGET tinypartd)
  add_custom_command(
    OUTPUT tinypartd.conf
    COMMAND tinypartd --config /dev/null --print-config > tinypartd.conf
    DEPENDS tinypartd VERBATIM)
  add_custom_target(example_config ALL DEPENDS tinypartd.conf)
  install(FILES ${CMAKE_BINARY_DIR}/tinypartd.conf DESTINATION ${examples})
endif()
