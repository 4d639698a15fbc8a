lemmy_room(playground FLOOR 7 USES kube net async domain base ASIO)

# The sample projects become part of the binary.
set(sample ${CMAKE_SOURCE_DIR}/share/playground/config)
file(GLOB_RECURSE sample_files CONFIGURE_DEPENDS RELATIVE ${sample} ${sample}/*)
lemmy_embed(playground ROOT ${sample} FILES ${sample_files})
