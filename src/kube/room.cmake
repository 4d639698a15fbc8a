lemmy_room(kube FLOOR 3 USES domain async net LIBS yaml-cpp ASIO)
if(LEMMY_TESTS)
  # What tests/kubernetes compares with client-go: how kubeconfigs are read.
  add_executable(kubeconfig_read ${CMAKE_SOURCE_DIR}/src/kube/tool/main.cpp)
  target_link_libraries(kubeconfig_read PRIVATE kube)
  lemmy_use_pch(kubeconfig_read asio)
endif()
