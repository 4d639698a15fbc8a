#include "manifest/manifest.h"

namespace lemmy::manifest {

const std::vector<tmpl::Source>& default_standards() {
  static const std::vector<tmpl::Source> all{{"standards/replication-controller.json.j2", R"({
  "apiVersion": "v1",
  "kind": "ReplicationController",
  "metadata": {"annotations": {}},
  "spec": {
    "replicas": {{ final.replicas }},
    "minReadySeconds": 0,
    "template": {
      "metadata": {
        "labels": {{ final.labels | default({}) | tojson }},
        "annotations": {{ final.annotations | default({}) | tojson }}
      },
      "spec": {
        "terminationGracePeriodSeconds": 30,
        "containers": {{ final.containers | tojson }},
        "volumes": {{ final.volumes | default([]) | tojson }}
      }
    }
  }
}
)"},
                                             {"standards/horizontal-pod-autoscaler.json.j2", R"({
  "apiVersion": "autoscaling/v2",
  "kind": "HorizontalPodAutoscaler",
  "metadata": {},
  "spec": {
    "minReplicas": {{ final.autoscale.min }},
    "maxReplicas": {{ final.autoscale.max }},
    "metrics": [
      {
        "type": "Resource",
        "resource": {
          "name": "cpu",
          "target": {"type": "Utilization", "averageUtilization": {{ final.autoscale.cpu | default(80) }}}
        }
      }
    ]
  }
}
)"},
                                             {"standards/service.json.j2", R"({
  "apiVersion": "v1",
  "kind": "Service",
  "metadata": {},
  "spec": {
    "ports": [
      {"name": "grpc", "port": {{ ports.grpc }}, "targetPort": {{ ports.grpc }}},
      {"name": "rest", "port": {{ ports.rest }}, "targetPort": {{ ports.rest }}},
      {"name": "debug", "port": {{ ports.debug }}, "targetPort": {{ ports.debug }}}
    ]
  }
}
)"}};
  return all;
}

}  // namespace lemmy::manifest
