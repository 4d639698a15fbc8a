lemmy_room(access FLOOR 4 USES config domain base)
