lemmy_room(web FLOOR 8 USES live route manifest template net ASIO)

# Templates and assets become part of the binary: one generated file with an .incbin for each.
file(GLOB web_files CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_LIST_DIR}
     ${CMAKE_CURRENT_LIST_DIR}/templates/*.j2 ${CMAKE_CURRENT_LIST_DIR}/assets/*.css
     ${CMAKE_CURRENT_LIST_DIR}/assets/*.js ${CMAKE_CURRENT_LIST_DIR}/assets/*.svg
     ${CMAKE_CURRENT_LIST_DIR}/assets/vendor/*.js ${CMAKE_CURRENT_LIST_DIR}/assets/vendor/*.LICENSE)
lemmy_embed(web ROOT ${CMAKE_CURRENT_LIST_DIR} FILES ${web_files})
