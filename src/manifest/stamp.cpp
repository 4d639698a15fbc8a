#include <fmt/format.h>

#include "domain/names.h"
#include "manifest/parts.h"

namespace lemmy::manifest {
namespace {

json::object& object_in(json::object& o, std::string_view key) {
  json::value& v = o[key];
  if (!v.is_object()) v = json::object{};
  return v.get_object();
}
json::array& array_in(json::object& o, std::string_view key) {
  json::value& v = o[key];
  if (!v.is_array()) v = json::array{};
  return v.get_array();
}

// Replaces the item of that name, or adds it.
void put_named(json::array& list, json::object item) {
  for (json::value& v : list)
    if (v.is_object() && text_or(v.get_object(), "name") == text_or(item, "name")) {
      v = std::move(item);
      return;
    }
  list.push_back(std::move(item));
}

void put_labels(json::object& labels, const Stamp& s) {
  labels["project"] = s.project;
  labels["environment"] = s.environment;
  labels["build"] = label_value(s.sha);  // of 64 digits the first 63: labels take no more
  labels["branch"] = label_value(s.branch);
  labels["deploy"] = std::to_string(s.deploy);
  labels["app.kubernetes.io/name"] = s.project;
  labels["app.kubernetes.io/instance"] = label_value(s.project + "-" + s.environment);
  labels["app.kubernetes.io/version"] = label_value(s.sha);
  labels[kManagedBy] = "lemmy";
}

void put_env(json::object& container, const Stamp& s) {
  json::array& env = array_in(container, "env");
  // Kubernetes would replace $(NAME) by the value of that variable, also of one that holds a secret.
  auto value = [&](std::string_view name, std::string_view text) {
    std::string literal;
    for (const char c : text) literal.append(c == '$' ? 2 : 1, c);
    put_named(env, {{"name", name}, {"value", std::move(literal)}});
  };
  auto field = [&](std::string_view name, std::string_view path) {
    put_named(env,
              {{"name", name}, {"valueFrom", {{"fieldRef", {{"apiVersion", "v1"}, {"fieldPath", path}}}}}});
  };
  value("PROJECT", s.project);
  value("ENVIRONMENT", s.environment);
  value("BUILD", s.sha);
  value("BRANCH", s.branch);
  value("DEPLOY", std::to_string(s.deploy));
  field("POD_NAME", "metadata.name");
  field("NODE_NAME", "spec.nodeName");
  value("DD_SERVICE", s.project);
  value("DD_ENV", s.environment);
  value("DD_VERSION", s.sha);
  value("OTEL_RESOURCE_ATTRIBUTES",
        fmt::format("service.name={},service.version={},deployment.environment={}", s.project, s.sha,
                    s.environment));
}

}  // namespace

void stamp_object(json::object& object, const Stamp& s, const std::string& name) {
  json::object& meta = object_in(object, "metadata");
  meta["name"] = name;
  meta["namespace"] = s.environment;
  put_labels(object_in(meta, "labels"), s);
}

void stamp_controller(json::object& controller, const Stamp& s) {
  stamp_object(controller, s, object_name(s.project, s.sha, s.deploy));
  json::object& spec = object_in(controller, "spec");
  json::object labels{
      {"project", s.project}, {"environment", s.environment}, {"deploy", std::to_string(s.deploy)}};
  if (traits(s.workload).has_match_labels)
    spec["selector"] = json::object{{"matchLabels", std::move(labels)}};
  else
    spec["selector"] = std::move(labels);
  json::object& pod = object_in(spec, "template");
  json::object& pod_labels = object_in(object_in(pod, "metadata"), "labels");
  put_labels(pod_labels, s);
  // Not in the selector: pods are taken out of the Service and stay their controller's.
  pod_labels[kAnswersLabel] = "yes";
  json::object& pod_spec = object_in(pod, "spec");
  json::array& volumes = array_in(pod_spec, "volumes");
  // Optional: a project without a Secret starts all the same.
  put_named(volumes,
            {{"name", "lemmy-secrets"}, {"secret", {{"secretName", s.project}, {"optional", true}}}});
  if (!s.config_map.empty())
    put_named(volumes, {{"name", "lemmy-config"}, {"configMap", {{"name", s.config_map}}}});
  for (const char* kind : {"initContainers", "containers"}) {
    if (!pod_spec.contains(kind)) continue;
    for (json::value& v : array_in(pod_spec, kind)) {
      if (!v.is_object()) continue;
      json::object& container = v.get_object();
      put_env(container, s);
      json::array& mounts = array_in(container, "volumeMounts");
      put_named(mounts,
                {{"name", "lemmy-secrets"}, {"mountPath", "/secrets/" + s.project}, {"readOnly", true}});
      if (!s.config_map.empty())
        put_named(mounts,
                  {{"name", "lemmy-config"}, {"mountPath", "/config/" + s.project}, {"readOnly", true}});
    }
  }
}

void stamp_autoscaler(json::object& autoscaler, const Stamp& s) {
  const std::string name = object_name(s.project, s.sha, s.deploy);
  const WorkloadTraits& of = traits(s.workload);
  stamp_object(autoscaler, s, name);
  object_in(autoscaler, "spec")["scaleTargetRef"] =
      json::object{{"apiVersion", of.api_version()}, {"kind", of.kind}, {"name", name}};
}

void stamp_service(json::object& service, const Stamp& s) {
  stamp_object(service, s, s.project);
  // The Service outlives deploys: it belongs to the target, and selects the pods of all that may answer.
  json::object& labels = object_in(object_in(service, "metadata"), "labels");
  for (const char* of_one_deploy : {"build", "branch", "deploy", "app.kubernetes.io/version"})
    labels.stable_erase(of_one_deploy);
  object_in(service, "spec")["selector"] =
      json::object{{"project", s.project}, {"environment", s.environment}, {kAnswersLabel, "yes"}};
}

void set_replicas(json::object& controller, int replicas) {
  object_in(controller, "spec")["replicas"] = replicas;
}

}  // namespace lemmy::manifest
