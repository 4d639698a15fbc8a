# The conformance suite and more on Google's emulators, in one program: each start of Java takes seconds.
file(GLOB store_conformance CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/store/conformance*_test.cpp)
file(GLOB store_on_emulators CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/stores/datastore/*.cpp)
add_executable(store_datastore_test ${store_conformance} ${store_on_emulators})
target_link_libraries(store_datastore_test PRIVATE store GTest::gmock GTest::gtest)
target_compile_definitions(store_datastore_test PRIVATE LEMMY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_precompile_headers(store_datastore_test REUSE_FROM pch_asio)
add_test(NAME stores.datastore COMMAND store_datastore_test)
set_tests_properties(stores.datastore PROPERTIES LABELS stores TIMEOUT 900 SKIP_RETURN_CODE 77)
