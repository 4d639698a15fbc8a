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
        "terminationGracePeriodSeconds": {{ final.terminationGracePeriodSeconds | default(30) | tojson }},
        "containers": {{ final.containers | tojson }},
        "volumes": {{ final.volumes | default([]) | tojson }}
        {%- for key, value in final | items if key not in ["replicas", "autoscale", "labels", "annotations",
            "service", "vars", "terminationGracePeriodSeconds", "containers", "volumes"] %},
        {{ key | tojson }}: {{ value | tojson }}
        {%- endfor %}
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
    {%- if final.autoscale.behavior is defined %}
    "behavior": {{ final.autoscale.behavior | tojson }},
    {%- endif %}
    {%- if final.autoscale.metrics is defined %}
    "metrics": {{ final.autoscale.metrics | tojson }}
    {%- else %}
    "metrics": [
      {
        "type": "Resource",
        "resource": {
          "name": "cpu",
          "target": {"type": "Utilization", "averageUtilization": {{ final.autoscale.cpu | default(80) }}}
        }
      }
    ]
    {%- endif %}
  }
}
)"},
                                             {"standards/service.json.j2", R"({
  "apiVersion": "v1",
  "kind": "Service",
  {%- set service = final.service | default({}) or {} %}
  "metadata": {
    {%- for key in ["annotations", "labels"] if service[key] is defined %}
    {%- if not loop.first %},{% endif %}
    {{ key | tojson }}: {{ service[key] | tojson }}
    {%- endfor %}
  },
  "spec": {
    {%- for key, value in service | items if key not in ["annotations", "labels", "ports"] %}
    {{ key | tojson }}: {{ value | tojson }},
    {%- endfor %}
    {%- if service.ports is defined %}
    "ports": {{ service.ports | tojson }}
    {%- else %}
    "ports": [
      {"name": "grpc", "port": {{ ports.grpc }}, "targetPort": {{ ports.grpc }}},
      {"name": "rest", "port": {{ ports.rest }}, "targetPort": {{ ports.rest }}},
      {"name": "debug", "port": {{ ports.debug }}, "targetPort": {{ ports.debug }}}
    ]
    {%- endif %}
  }
}
)"}};
  return all;
}

}  // namespace lemmy::manifest
