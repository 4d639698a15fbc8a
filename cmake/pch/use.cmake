# lemmy_use_pch(target asio) puts cmake/pch/asio.h before each file of the target; all are compiled again when it changes.
# Files that the target gets later need property LEMMY_PCH of the target in their OBJECT_DEPENDS.
function(lemmy_use_pch target name)
  # Ninja compiles in CMAKE_BINARY_DIR; relative, so that it is the same for every checkout.
  set(pch cmake/pch/CMakeFiles/pch_${name}.dir/${name}.h.pch)
  target_compile_options(${target} PRIVATE -Winvalid-pch "SHELL:-Xclang -include-pch -Xclang ${pch}")
  set_target_properties(${target} PROPERTIES LEMMY_PCH ${CMAKE_BINARY_DIR}/${pch})
  get_target_property(sources ${target} SOURCES)
  set_property(SOURCE ${sources} TARGET_DIRECTORY ${target} APPEND PROPERTY OBJECT_DEPENDS ${CMAKE_BINARY_DIR}/${pch})
endfunction()
