lemmy_room(manifest FLOOR 4 USES config template domain)

# Kubernetes' fields and their types, made by tools/kubernetes-schema.py.
lemmy_embed(manifest ROOT ${CMAKE_CURRENT_LIST_DIR} FILES kubernetes_schema.json)
