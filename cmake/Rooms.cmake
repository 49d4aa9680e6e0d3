# tp_room(NAME DEPS...): one library tp_NAME out of every .c file in the current folder, linked to DEPS.
function(tp_room NAME)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  list(FILTER sources EXCLUDE REGEX "/main\\.c$")
  if(NOT sources) # a room of headers only
    add_library(tp_${NAME} INTERFACE)
    target_link_libraries(tp_${NAME} INTERFACE ${ARGN})
    return()
  endif()
  add_library(tp_${NAME} STATIC ${sources})
  target_link_libraries(tp_${NAME} PUBLIC ${ARGN})
endfunction()

# tp_unit_tests(ROOM DEPS...): every test_*.c of the current folder becomes one cmocka program, linked to DEPS
# and to the helpers (the other .c files) beside it.
function(tp_unit_tests ROOM)
  file(GLOB programs CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/test_*.c)
  file(GLOB helpers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  list(FILTER helpers EXCLUDE REGEX "/test_[^/]*\\.c$")
  foreach(program ${programs})
    get_filename_component(name ${program} NAME_WE)
    string(REPLACE "/" "_" room ${ROOM})
    set(target ${room}_${name})
    add_executable(${target} ${program} ${helpers})
    target_link_libraries(${target} PRIVATE ${ARGN} PkgConfig::CMOCKA)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME ${ROOM}/${name} COMMAND ${target})
    set_tests_properties(${ROOM}/${name} PROPERTIES TIMEOUT 900 ENVIRONMENT
      "TINYPART_SOURCE=${CMAKE_SOURCE_DIR};ASAN_OPTIONS=detect_leaks=1;CMOCKA_MESSAGE_OUTPUT=STDOUT")
  endforeach()
endfunction()

# tp_fuzz(NAME DEPS...): tests/fuzz/fuzz_NAME.c as a libFuzzer program.
function(tp_fuzz NAME)
  if(TINYPART_FUZZ)
    add_executable(fuzz_${NAME} fuzz_${NAME}.c)
    target_link_libraries(fuzz_${NAME} PRIVATE ${ARGN})
    target_link_options(fuzz_${NAME} PRIVATE -fsanitize=fuzzer,address,undefined)
    set_target_properties(fuzz_${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  endif()
endfunction()

# tp_program(NAME MAIN DEPS...): an executable in build/bin.
function(tp_program NAME MAIN)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${MAIN})
    add_executable(${NAME} ${MAIN})
    target_link_libraries(${NAME} PRIVATE ${ARGN})
  endif()
endfunction()
