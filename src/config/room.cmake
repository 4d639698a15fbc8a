lemmy_room(config FLOOR 2 USES domain base LIBS yaml-cpp)
