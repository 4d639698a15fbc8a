lemmy_room(store FLOOR 3 USES domain async net LIBS SQLiteCpp sqlite3 z PkgConfig::LIBPQ ASIO
           UNIT_TESTS "-Postgres*" SHARED_TESTS "/store/conformance[^/]*_test\\.cpp$")
if(LEMMY_TESTS)
  # On a PostgreSQL of their own, that is started once.
  add_test(NAME store.postgres COMMAND store_test --gtest_filter=Postgres*)
  set_tests_properties(store.postgres PROPERTIES LABELS stores TIMEOUT 1200)
  include(${CMAKE_CURRENT_LIST_DIR}/datastore/emulators.cmake)
endif()
