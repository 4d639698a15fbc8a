# lemmy_use_pch(target asio) puts cmake/pch/asio.h before each file that the target has by now; they are compiled again
# when it changes.
function(lemmy_use_pch target name)
  # Ninja compiles in CMAKE_BINARY_DIR; relative, so that it is the same for every checkout.
  set(pch cmake/pch/CMakeFiles/pch_${name}.dir/${name}.h.pch)
  get_target_property(sources ${target} SOURCES)
  set_source_files_properties(${sources} TARGET_DIRECTORY ${target} PROPERTIES
    COMPILE_FLAGS "-Winvalid-pch -Xclang -include-pch -Xclang ${pch}" OBJECT_DEPENDS ${CMAKE_BINARY_DIR}/${pch})
endfunction()
