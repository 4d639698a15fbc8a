# The Rust crate is built by cargo into one directory for all CMake builds of this checkout.
set(jinja_dir ${CMAKE_CURRENT_LIST_DIR}/crate)
set(jinja_target ${CMAKE_SOURCE_DIR}/build/cargo)
set(jinja_library ${jinja_target}/release/liblemmy_jinja.a)
file(GLOB jinja_sources CONFIGURE_DEPENDS ${jinja_dir}/src/*.rs)
add_custom_command(
  OUTPUT ${CMAKE_BINARY_DIR}/liblemmy_jinja.a
  COMMAND cargo build --release --locked --quiet --manifest-path ${jinja_dir}/Cargo.toml --target-dir ${jinja_target}
  COMMAND ${CMAKE_COMMAND} -E copy ${jinja_library} ${CMAKE_BINARY_DIR}/liblemmy_jinja.a
  DEPENDS ${jinja_sources} ${jinja_dir}/Cargo.toml ${jinja_dir}/Cargo.lock
  COMMENT "Building the Jinja2 and JSON Schema engines (cargo)" VERBATIM)
add_custom_target(lemmy_jinja_build DEPENDS ${CMAKE_BINARY_DIR}/liblemmy_jinja.a)
add_library(lemmy_jinja STATIC IMPORTED)
set_target_properties(lemmy_jinja PROPERTIES IMPORTED_LOCATION ${CMAKE_BINARY_DIR}/liblemmy_jinja.a)
add_dependencies(lemmy_jinja lemmy_jinja_build)

lemmy_room(template FLOOR 2 USES base LIBS lemmy_jinja dl m)
if(LEMMY_TESTS)
  # What tests/template compares with Python's Jinja2.
  add_executable(jinja_render ${CMAKE_SOURCE_DIR}/src/template/tool/main.cpp)
  target_link_libraries(jinja_render PRIVATE template)
  lemmy_use_pch(jinja_render plain)
endif()
