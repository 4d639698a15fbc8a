# A room is one folder under src/, one library and one include root of its own.
#
#   lemmy_room(store FLOOR 3 USES domain async LIBS SQLiteCpp [ASIO])
#
# The include root is build/rooms/<room>/ with one link <room> -> src/<room>, so `#include "store/store.h"`
# compiles only in rooms that name `store` in USES (or get it through one). USES must point downward.
# Files *_test.cpp beside the code become the test program <room>_test. UNIT_TESTS is a filter of GoogleTest:
# the others are added by the room itself, as one test that starts what they need once.
function(lemmy_room name)
  cmake_parse_arguments(ROOM "ASIO" "FLOOR;UNIT_TESTS" "USES;LIBS;TEST_LIBS" ${ARGN})
  set(dir ${CMAKE_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")

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
  if(NOT sources)
    set(sources ${CMAKE_BINARY_DIR}/empty.cpp)
  endif()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${root})
  target_link_libraries(${name} PUBLIC ${ROOM_USES} ${ROOM_LIBS} lemmy_options)
  if(ROOM_ASIO)
    target_precompile_headers(${name} REUSE_FROM pch_asio)
  else()
    target_precompile_headers(${name} REUSE_FROM pch_plain)
  endif()

  if(tests AND LEMMY_TESTS)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name} ${ROOM_TEST_LIBS} GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE LEMMY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    if(ROOM_ASIO)
      target_precompile_headers(${name}_test REUSE_FROM pch_asio)
    else()
      target_precompile_headers(${name}_test REUSE_FROM pch_plain)
    endif()
    if(NOT ROOM_UNIT_TESTS)
      set(ROOM_UNIT_TESTS "*")
    endif()
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." TEST_FILTER "${ROOM_UNIT_TESTS}"
                         PROPERTIES LABELS unit TIMEOUT 120 DISCOVERY_TIMEOUT 60)
  endif()
endfunction()
