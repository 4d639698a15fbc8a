# A room is one folder under src/, one library and one include root of its own.
#
#   lemmy_room(store FLOOR 3 USES domain async LIBS SQLiteCpp [ASIO])
#
# The include root is build/rooms/<room>/ with one link <room> -> src/<room>, so `#include "store/store.h"`
# compiles only in rooms that name `store` in USES (or get it through one). USES must point downward.
# Files *_test.cpp beside the code become the test program <room>_test. UNIT_TESTS is a filter of GoogleTest:
# the others are added by the room itself, as one test that starts what they need once. Those of the filter
# APART_TESTS have the room's name as label, not `unit`: they take minutes. Tests whose path matches SHARED_TESTS are
# compiled once, as <room>_shared_tests, for <room>_test and for programs beside it.
function(lemmy_room name)
  cmake_parse_arguments(ROOM "ASIO" "FLOOR;UNIT_TESTS;APART_TESTS;SHARED_TESTS" "USES;LIBS;TEST_LIBS" ${ARGN})
  set(dir ${CMAKE_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")

  if(NOT name STREQUAL async)
    foreach(source ${sources})
      file(STRINGS ${source} raw REGEX "co_spawn\\(")
      if(raw)
        message(FATAL_ERROR "${source}: coroutines are started by lemmy::spawn or a Group (async/task.h), not by co_spawn")
      endif()
    endforeach()
  endif()

  set_property(GLOBAL PROPERTY lemmy_floor_${name} ${ROOM_FLOOR})
  foreach(used ${ROOM_USES})
    get_property(floor GLOBAL PROPERTY lemmy_floor_${used})
    if(NOT DEFINED floor OR NOT floor LESS ${ROOM_FLOOR})
      message(FATAL_ERROR "room ${name} (floor ${ROOM_FLOOR}) may not use room ${used} (floor ${floor})")
    endif()
  endforeach()

  set(root ${CMAKE_BINARY_DIR}/rooms/${name})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${dir} ${root}/${name} SYMBOLIC)
  lemmy_unity(units ${name} SIZE 6 FILES ${sources})
  add_library(${name} STATIC ${units})
  target_include_directories(${name} PUBLIC ${root})
  target_link_libraries(${name} PUBLIC ${ROOM_USES} ${ROOM_LIBS} lemmy_options)
  if(ROOM_ASIO)
    lemmy_use_pch(${name} asio)
  else()
    lemmy_use_pch(${name} plain)
  endif()

  if(tests AND LEMMY_TESTS)
    if(ROOM_SHARED_TESTS)
      set(shared ${tests})
      list(FILTER shared INCLUDE REGEX "${ROOM_SHARED_TESTS}")
      list(FILTER tests EXCLUDE REGEX "${ROOM_SHARED_TESTS}")
      lemmy_tests(OBJECT ${name}_shared_tests FILES ${shared} LIBS ${name})
      list(APPEND ROOM_TEST_LIBS ${name}_shared_tests)
    endif()
    lemmy_tests(PROGRAM ${name}_test FILES ${tests} LIBS ${name} ${ROOM_TEST_LIBS} GTest::gtest_main)
    if(ROOM_APART_TESTS)
      gtest_discover_tests(${name}_test TEST_PREFIX "${name}." TEST_FILTER "${ROOM_APART_TESTS}" TEST_LIST ${name}_apart
                           PROPERTIES LABELS ${name} TIMEOUT 120 DISCOVERY_TIMEOUT 60)
      set(ROOM_UNIT_TESTS "-${ROOM_APART_TESTS}")
    elseif(NOT ROOM_UNIT_TESTS)
      set(ROOM_UNIT_TESTS "*")
    endif()
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." TEST_FILTER "${ROOM_UNIT_TESTS}"
                         PROPERTIES LABELS unit TIMEOUT 120 DISCOVERY_TIMEOUT 60)
  endif()
endfunction()

# Tests, not optimised: they are compiled more often than they run, and twice as fast so.
#
#   lemmy_tests(PROGRAM|OBJECT target FILES a_test.cpp LIBS room)
function(lemmy_tests kind target)
  cmake_parse_arguments(TEST "" "" "FILES;LIBS" ${ARGN})
  lemmy_unity(units ${target} SIZE 8 FILES ${TEST_FILES})
  if(kind STREQUAL "OBJECT")
    add_library(${target} OBJECT ${units})
  else()
    add_executable(${target} ${units})
  endif()
  target_compile_options(${target} PRIVATE -O0)
  lemmy_use_pch(${target} test)
  # Their precompiled header has Asio, whose code that is no template is in room async.
  target_link_libraries(${target} PRIVATE ${TEST_LIBS} test_source_dir GTest::gmock $<LINK_ONLY:async>)
endfunction()
