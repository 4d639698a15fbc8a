#include "playground/admission.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace lemmy::playground {
namespace {

void otherwise(json::object& o, std::string_view key, json::value value) {
  if (!o.contains(key)) o[key] = std::move(value);
}
template <class F>
void each(json::object& o, std::string_view key, F f) {
  json::value* v = o.if_contains(key);
  if (!v || !v->is_array()) return;
  for (json::value& item : v->get_array())
    if (item.is_object()) f(item.get_object());
}

void default_pod(json::object& spec) {
  for (const char* list : {"initContainers", "containers"})
    each(spec, list, [](json::object& c) {
      std::string image(text_or(c, "image"));
      size_t colon = image.rfind(':'), slash = image.rfind('/');
      bool latest =
          (colon == image.npos || (slash != image.npos && colon < slash)) || image.ends_with(":latest");
      otherwise(c, "imagePullPolicy", latest ? "Always" : "IfNotPresent");
      otherwise(c, "terminationMessagePath", "/dev/termination-log");
      otherwise(c, "terminationMessagePolicy", "File");
      otherwise(c, "resources", json::object{});
      each(c, "ports", [](json::object& p) { otherwise(p, "protocol", "TCP"); });
      for (const char* kind : {"readinessProbe", "livenessProbe", "startupProbe"})
        if (json::value* v = c.if_contains(kind); v && v->is_object()) {
          json::object& probe = v->get_object();
          otherwise(probe, "timeoutSeconds", 1);
          otherwise(probe, "periodSeconds", 10);
          otherwise(probe, "successThreshold", 1);
          otherwise(probe, "failureThreshold", 3);
          if (json::value* get = probe.if_contains("httpGet"); get && get->is_object())
            otherwise(get->get_object(), "scheme", "HTTP");
        }
    });
  otherwise(spec, "restartPolicy", "Always");
  otherwise(spec, "terminationGracePeriodSeconds", 30);
  otherwise(spec, "dnsPolicy", "ClusterFirst");
  otherwise(spec, "securityContext", json::object{});
  otherwise(spec, "schedulerName", "default-scheduler");
}

struct Causes {
  std::vector<Cause> list;
  void required(std::string field, std::string what = "") {
    list.push_back(
        {"FieldValueRequired", "Required value" + (what.empty() ? "" : ": " + what), std::move(field)});
  }
  void bad(std::string field, const std::string& value, const std::string& why) {
    list.push_back({"FieldValueInvalid", fmt::format("Invalid value: {}: {}", value, why), std::move(field)});
  }
};

bool dns_name(std::string_view s, bool dots, size_t most) {
  if (s.empty() || s.size() > most) return false;
  auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (!plain(s.front()) || !plain(s.back())) return false;
  return std::ranges::all_of(s, [&](char c) { return plain(c) || c == '-' || (dots && c == '.'); });
}

void check_labels(const json::object& labels, const std::string& field, Causes& causes) {
  for (const auto& [k, v] : labels) {
    std::string_view s = v.is_string() ? std::string_view(v.get_string()) : "";
    auto word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
    bool ok = s.empty() ||
              (s.size() <= 63 && word(s.front()) && word(s.back()) &&
               std::ranges::all_of(s, [&](char c) { return word(c) || c == '-' || c == '_' || c == '.'; }));
    if (ok) continue;
    causes.bad(field, fmt::format("\"{}\"", s),
               s.size() > 63
                   ? "must be no more than 63 bytes"
                   : "a valid label must be an empty string or consist of alphanumeric characters, '-', "
                     "'_' or '.', and must start and end with an alphanumeric character");
  }
}

void check_containers(const json::object& spec, Causes& causes) {
  const std::string at = "spec.template.spec";
  const json::array& containers = list_in(spec, "containers");
  if (containers.empty()) causes.required(at + ".containers");
  std::set<std::string> volumes, names;
  for (const json::value& v : list_in(spec, "volumes"))
    if (v.is_object()) volumes.emplace(text_or(v.get_object(), "name"));
  for (size_t i = 0; i < containers.size(); ++i) {
    const json::object* c = containers[i].if_object();
    std::string field = fmt::format("{}.containers[{}]", at, i);
    if (!c) continue;
    std::string name(text_or(*c, "name"));
    if (name.empty()) causes.required(field + ".name");
    if (!name.empty() && !dns_name(name, false, 63))
      causes.bad(
          field + ".name", fmt::format("\"{}\"", name),
          "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
          "start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for "
          "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
    if (!names.insert(name).second)
      causes.list.push_back(
          {"FieldValueDuplicate", fmt::format("Duplicate value: \"{}\"", name), field + ".name"});
    if (text_or(*c, "image").empty()) causes.required(field + ".image");
    const json::array& mounts = list_in(*c, "volumeMounts");
    for (size_t m = 0; m < mounts.size(); ++m) {
      std::string volume(mounts[m].is_object() ? text_or(mounts[m].get_object(), "name") : "");
      if (!volumes.contains(volume))
        causes.list.push_back({"FieldValueNotFound", fmt::format("Not found: \"{}\"", volume),
                               fmt::format("{}.volumeMounts[{}].name", field, m)});
    }
  }
}

// What it selects by: a map of labels, or one in matchLabels.
const json::object& selector_of(Kind kind, const json::object& spec) {
  const json::object& selector = sub(spec, "selector");
  return kind == Kind::rc ? selector : sub(selector, "matchLabels");
}

void check_controller(Kind kind, const json::object& whole, const Object* before, Causes& causes) {
  const json::object& spec = sub(whole, "spec");
  if (before && kind != Kind::rc && sub(before->spec_object(), "selector") != sub(spec, "selector"))
    causes.bad("spec.selector", json::serialize(sub(spec, "selector")), "field is immutable");
  if (int64_t n = int_or(spec, "replicas", 1); n < 0)
    causes.bad("spec.replicas", std::to_string(n), "must be greater than or equal to 0");
  const json::object& selector = selector_of(kind, spec);
  const json::object& pod = sub(spec, "template");
  if (pod.empty()) return causes.required("spec.template");
  const json::object& labels = sub(sub(pod, "metadata"), "labels");
  if (selector.empty()) causes.required("spec.selector");
  bool match = std::ranges::all_of(selector, [&](const auto& kv) {
    const json::value* v = labels.if_contains(kv.key());
    return v && *v == kv.value();
  });
  if (!match)
    causes.bad("spec.template.metadata.labels", json::serialize(labels),
               "`selector` does not match template `labels`");
  check_labels(labels, "spec.template.labels", causes);
  check_containers(sub(pod, "spec"), causes);
}

void check_autoscaler(const json::object& whole, Causes& causes) {
  const json::object& spec = sub(whole, "spec");
  int64_t low = int_or(spec, "minReplicas", 1), high = int_or(spec, "maxReplicas");
  if (low < 1) causes.bad("spec.minReplicas", std::to_string(low), "must be greater than or equal to 1");
  if (high < 1) causes.bad("spec.maxReplicas", std::to_string(high), "must be greater than 0");
  if (high >= 1 && high < low)
    causes.bad("spec.maxReplicas", std::to_string(high), "must be greater than or equal to `minReplicas`");
  const json::object& target = sub(spec, "scaleTargetRef");
  if (text_or(target, "kind").empty()) causes.required("spec.scaleTargetRef.kind");
  if (text_or(target, "name").empty()) causes.required("spec.scaleTargetRef.name");
}

void check_immutable(const json::object& whole, const Object& before, Causes& causes) {
  if (!bool_or(before.head, "immutable")) return;
  auto forbid = [&](const char* field, const char* text) {
    causes.list.push_back({"FieldValueForbidden", std::string("Forbidden: ") + text, field});
  };
  if (!bool_or(whole, "immutable")) forbid("immutable", "field is immutable when `immutable` is set");
  for (const char* key : {"data", "binaryData"}) {
    const json::value *a = whole.if_contains(key), *b = before.head.if_contains(key);
    if ((a ? *a : json::value()) != (b ? *b : json::value()))
      forbid(key, "field is immutable when `immutable` is set");
  }
}

}  // namespace

void set_defaults(Kind kind, json::object& whole, uint64_t counter) {
  if (is_scaled(kind)) {
    json::object& spec = make_sub(whole, "spec");
    otherwise(spec, "replicas", 1);
    if (kind == Kind::deployment) {
      otherwise(spec, "revisionHistoryLimit", 10);
      otherwise(spec, "progressDeadlineSeconds", 600);
      otherwise(spec, "strategy",
                json::object{{"type", "RollingUpdate"},
                             {"rollingUpdate", {{"maxUnavailable", "25%"}, {"maxSurge", "25%"}}}});
    }
    json::object& pod = make_sub(spec, "template");
    json::object& meta = make_sub(pod, "metadata");
    meta["creationTimestamp"] = nullptr;
    if (const json::value* labels = meta.if_contains("labels"); labels && kind == Kind::rc)
      otherwise(spec, "selector", *labels);
    default_pod(make_sub(pod, "spec"));
  } else if (kind == Kind::pod) {
    default_pod(make_sub(whole, "spec"));
    otherwise(make_sub(whole, "status"), "phase", "Pending");
  } else if (kind == Kind::autoscaler) {
    otherwise(make_sub(whole, "spec"), "minReplicas", 1);
  } else if (kind == Kind::service) {
    json::object& spec = make_sub(whole, "spec");
    otherwise(spec, "type", "ClusterIP");
    otherwise(spec, "sessionAffinity", "None");
    std::string ip = fmt::format("10.96.{}.{}", counter / 250 % 250, counter % 250 + 2);
    otherwise(spec, "clusterIP", json::value(ip));
    otherwise(spec, "clusterIPs", json::array{json::value(spec["clusterIP"])});
    each(spec, "ports", [](json::object& p) {
      otherwise(p, "protocol", "TCP");
      if (const json::value* port = p.if_contains("port")) otherwise(p, "targetPort", *port);
    });
  } else if (kind == Kind::secret) {
    otherwise(whole, "type", "Opaque");
  } else if (kind == Kind::ns) {
    otherwise(whole, "spec", json::object{{"finalizers", {"kubernetes"}}});
    otherwise(whole, "status", json::object{{"phase", "Active"}});
    json::object& labels = make_sub(make_sub(whole, "metadata"), "labels");
    otherwise(labels, "kubernetes.io/metadata.name", json::value(text_or(sub(whole, "metadata"), "name")));
  }
}

Answer<> validate(Kind kind, const json::object& whole, const Object* before) {
  Causes causes;
  const json::object& meta = sub(whole, "metadata");
  std::string name(text_or(meta, "name"));
  bool label = kind == Kind::service || kind == Kind::ns;
  if (kind != Kind::event && !dns_name(name, !label, label ? 63 : 253))
    causes.bad(
        "metadata.name", fmt::format("\"{}\"", name),
        label ? "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
                "must start and end with an alphanumeric character"
              : "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
                "'.', and must start and end with an alphanumeric character");
  check_labels(sub(meta, "labels"), "metadata.labels", causes);
  const json::array& owners = list_in(meta, "ownerReferences");
  for (size_t i = 0; i < owners.size(); ++i)
    for (const char* key : {"apiVersion", "kind", "name", "uid"})
      if (!owners[i].is_object() || text_or(owners[i].get_object(), key).empty())
        causes.required(fmt::format("metadata.ownerReferences[{}].{}", i, key), "must not be empty");
  if (is_scaled(kind)) check_controller(kind, whole, before, causes);
  if (kind == Kind::autoscaler) check_autoscaler(whole, causes);
  if (kind == Kind::service && list_in(sub(whole, "spec"), "ports").empty()) causes.required("spec.ports");
  if (before && (kind == Kind::config_map || kind == Kind::secret)) check_immutable(whole, *before, causes);
  if (causes.list.empty()) return {};
  return refuse(invalid(resource(kind), name, std::move(causes.list)));
}

std::string undeclared(Kind kind, const json::object& whole) {
  static const std::vector<std::string_view> rc{"replicas", "selector", "template", "minReadySeconds"},
      deployment{"replicas",
                 "selector",
                 "template",
                 "minReadySeconds",
                 "strategy",
                 "paused",
                 "revisionHistoryLimit",
                 "progressDeadlineSeconds"},
      scaler{"scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior"},
      pod_template{"metadata", "spec"}, tops{"apiVersion", "kind",       "metadata",   "spec",      "status",
                                             "data",       "binaryData", "stringData", "immutable", "type"};
  auto unknown = [](const json::object& o, const std::vector<std::string_view>& known,
                    const std::string& at) {
    for (const auto& [k, v] : o)
      if (std::ranges::find(known, std::string_view(k)) == known.end())
        return fmt::format("{}.{}: field not declared in schema", at, std::string_view(k));
    return std::string();
  };
  std::string out;
  if (kind != Kind::event) out = unknown(whole, tops, "");
  const json::object& spec = sub(whole, "spec");
  if (out.empty() && is_scaled(kind))
    out = unknown(spec, kind == Kind::deployment ? deployment : rc, ".spec");
  if (out.empty() && is_scaled(kind)) out = unknown(sub(spec, "template"), pod_template, ".spec.template");
  if (out.empty() && kind == Kind::autoscaler) out = unknown(spec, scaler, ".spec");
  return out;
}

}  // namespace lemmy::playground
