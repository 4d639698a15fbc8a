lemmy_room(manifest FLOOR 4 USES config template domain)

# Kubernetes' fields and their types, made by tools/kubernetes-schema.py; and the standards that are built in.
lemmy_embed(manifest ROOT ${CMAKE_CURRENT_LIST_DIR} FILES kubernetes_schema.json
  standards/replication-controller.json.j2 standards/deployment.json.j2 standards/pod-template.json.j2
  standards/horizontal-pod-autoscaler.json.j2 standards/service.json.j2)
