# With the real Ansible, each run some seconds.
lemmy_room(ansible FLOOR 3 USES async base ASIO APART_TESTS "Sample.*:Faults.*:Data.*:Left.*")
if(LEMMY_TESTS)
  # What tests/ansible drives: one run, with its result as JSON.
  add_executable(ansible_run ${CMAKE_SOURCE_DIR}/src/ansible/tool/main.cpp)
  target_link_libraries(ansible_run PRIVATE ansible)
  lemmy_use_pch(ansible_run asio)
endif()
