# The conformance suite and more on Google's emulators, in one program: each start of Java takes seconds.
file(GLOB store_on_emulators CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/stores/datastore/*.cpp)
lemmy_tests(PROGRAM store_datastore_test FILES ${store_on_emulators} LIBS store store_shared_tests GTest::gtest)
add_test(NAME stores.datastore COMMAND store_datastore_test)
set_tests_properties(stores.datastore PROPERTIES LABELS stores TIMEOUT 1500 SKIP_RETURN_CODE 77)
