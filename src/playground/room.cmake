lemmy_room(playground FLOOR 8 USES kube net async domain base ASIO)

# The sample projects become part of the binary.
set(sample ${CMAKE_SOURCE_DIR}/share/playground/config)
file(GLOB_RECURSE sample_files CONFIGURE_DEPENDS RELATIVE ${sample} ${sample}/*)
lemmy_embed(playground ROOT ${sample} FILES ${sample_files})
if(LEMMY_TESTS)
  # A simulated cluster of its own process, which the contract suite compares with a real one.
  add_executable(simulated_cluster ${CMAKE_CURRENT_LIST_DIR}/tool/main.cpp)
  target_link_libraries(simulated_cluster PRIVATE playground)
  lemmy_use_pch(simulated_cluster asio)
  set_target_properties(simulated_cluster PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endif()
