#include "manifest/final.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "domain/workload.h"
#include "manifest/final_parts.h"
#include "manifest/kubernetes_schema.h"

namespace lemmy::manifest {

std::unexpected<Error> bad(const Keys& keys, std::string what, std::string hint) {
  return fail(ErrorCode::invalid, join(keys, "\n"), std::move(what), std::move(hint));
}

std::unexpected<Error> bad(const Keys& keys, const Wrong& wrong) { return bad(keys, wrong.what, wrong.hint); }

Result<> check_keys(const json::object& o, const std::vector<std::string>& known, const Keys& where,
                    const std::string& there_are) {
  for (const auto& [key, value] : o) {
    if (std::ranges::find(known, key) != known.end()) continue;
    Keys at = where;
    at.emplace_back(key);
    auto near = nearest(key, known);
    return bad(at, "unknown key",
               near ? "did you mean '" + *near + "'?"
                    : "known are: " + (there_are.empty() ? join(known, ", ") : there_are));
  }
  return {};
}

namespace {

// Shows the rendered line that the last of `keys` stands on, looking for one after the other.
std::string rendered_lines(const std::string& text, const std::vector<std::string_view>& keys) {
  size_t at = 0, width = 0;
  for (std::string_view key : keys) {
    if (key.starts_with("[") && key != "[0]") return "";  // which of the containers it is cannot be told
    if (key.starts_with("[")) continue;
    std::string quoted = json::serialize(json::string_view(key));
    size_t next = text.find(quoted, at);
    if (next == text.npos) return "";
    at = next;
    width = quoted.size();
  }
  std::string_view before = std::string_view(text).substr(0, at);
  size_t line = std::count(before.begin(), before.end(), '\n') + 1;
  size_t start = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
  return width ? excerpt(text, line, at - start + 1, width) : "";
}

Result<> check_texts(const json::object& o, const std::string& key, std::string_view one) {
  const json::value* v = find(o, key);
  if (!v) return {};
  if (!v->is_object()) return bad({key}, "an object is expected", R"({"key": "value"})");
  for (const auto& [name, value] : v->get_object()) {
    if (!value.is_string())
      return bad({key, name}, fmt::format("{} is a text", one), "put it in quotation marks");
    // Annotations may have capitals before the '/'.
    if (auto wrong = wrong_key(key == "labels" ? std::string(name) : lower(name)))
      return bad({key, name}, *wrong);
    if (key == "labels")
      if (auto wrong = wrong_label_value(value.get_string())) return bad({key, name}, *wrong);
  }
  return {};
}

Result<> check_datadog(const json::object& o, const Names& names) {
  const json::value* annotations = find(o, "annotations");
  if (!annotations) return {};
  for (const auto& [key, value] : annotations->get_object()) {
    constexpr std::string_view prefix = "ad.datadoghq.com/";
    if (!key.starts_with(prefix)) continue;
    std::string_view container = std::string_view(key).substr(prefix.size());
    // Without a container it is of the pod: tags, tolerate-unready, exclude, logs_exclude ...
    if (container.find('.') == container.npos) continue;
    container = container.substr(0, container.find('.'));
    if (!names.contains(container))
      return bad({"annotations", key},
                 fmt::format("Datadog looks for container '{}', which there is not", container),
                 "there are: " + join(Keys(names.begin(), names.end()), ", "));
  }
  return {};
}

// Lemmy's own keys. All others are fields of a PodSpec.
const Keys kOwn{"workload", "replicas", "autoscale", "labels", "annotations", "service", "vars"};

// A pod's template may not have them.
bool is_of_templates(const std::string& field) { return field != "ephemeralContainers"; }

Result<> check_top_level(const json::object& o) {
  if (auto ok = check_keys(o, final_keys(), {}, join(kOwn, ", ") + ", and the fields of a PodSpec"); !ok)
    return ok;
  if (const std::string_view policy = text_or(o, "restartPolicy"); !policy.empty() && policy != "Always")
    return bad({"restartPolicy"},
               fmt::format("a service's pods have 'Always', not '{}'", shorten(policy, 40)), "leave it out");
  return {};
}

// Keys of an SRE's own are let through, but for what is one of ours misspelt.
Result<> check_autoscale(const json::object& o) {
  const json::value* a = find(o, "autoscale");
  if (!a) return {};
  int64_t min = a->is_object() ? int_or(a->get_object(), "min") : 0;
  int64_t max = a->is_object() ? int_or(a->get_object(), "max") : 0;
  if (min < 1 || max < min || max > 1000)
    return bad({"autoscale"}, "min and max are expected, 1 <= min <= max <= 1000",
               "leave autoscale out for a fixed number");
  for (const auto& [key, value] : a->get_object())
    if (auto near = nearest(key, kAutoscaleKeys); near && *near != key)
      return bad({"autoscale", key}, "unknown key", "did you mean '" + *near + "'?");
  if (const json::value* cpu = find(a->get_object(), "cpu"); cpu && !cpu->is_null())
    if (const int64_t percent = int_or(a->get_object(), "cpu"); percent < 1 || percent > 1000)
      return bad({"autoscale", "cpu"}, "a whole number of percent is expected, from 1 to 1000");
  const json::value* metrics = find(a->get_object(), "metrics");
  if (metrics && !metrics->is_array()) return bad({"autoscale", "metrics"}, "a list is expected");
  if (metrics && a->get_object().contains("cpu"))
    return bad({"autoscale", "cpu"}, "metrics say by what it scales, all of it",
               "put the cpu among metrics, or leave metrics out");
  return {};
}

Result<> check_service(const json::object& o) {
  const json::value* service = o.if_contains("service");
  if (!service || service->is_null() || (service->is_bool() && !service->get_bool())) return {};
  if (!service->is_object())
    return bad({"service"}, "an object or false is expected",
               R"({"ports": [{"name": "http", "port": 80, "targetPort": 8080}]})");
  const json::object& s = service->get_object();
  const json::value* ports = find(s, "ports");
  const bool needs_ports = text_or(s, "clusterIP") != "None" && text_or(s, "type") != "ExternalName";
  if (ports && ports->is_array() && ports->get_array().empty() && needs_ports)
    return bad({"service", "ports"}, "a Service needs a port",
               "leave ports out for the standard's, or set service to false");
  return check_keys(s, service_keys(), {"service"});
}

Result<> check_workload(const json::object& o) {
  const json::value* v = find(o, "workload");
  if (!v || v->is_null() || (v->is_string() && workload_named(v->get_string()))) return {};
  Keys known;
  for (const WorkloadTraits& w : workloads()) known.emplace_back(w.name);
  auto near = v->is_string() ? nearest(v->get_string(), known) : std::nullopt;
  return bad({"workload"}, fmt::format("'{}' is no kind of controller", shorten(plain_text(*v), 40)),
             near ? fmt::format("did you mean '{}'?", *near) : "known are: " + join(known, " and "));
}

Result<> check(json::value& v) {
  json::object* o = v.if_object();
  if (!o) return bad({}, "an object is expected", R"({"replicas": ..., "containers": [...]})");
  if (auto ok = check_top_level(*o); !ok) return ok;
  int64_t replicas = int_or(*o, "replicas", -1);
  if (replicas < 0 || replicas > 1000)
    return bad({"replicas"}, "a whole number from 0 to 1000 is expected",
               !o->contains("replicas")        ? "it is missing"
               : o->at("replicas").is_string() ? "leave the quotation marks out"
                                               : "");
  if (auto ok = check_workload(*o); !ok) return ok;
  if (auto ok = check_autoscale(*o); !ok) return ok;
  if (auto ok = check_service(*o); !ok) return ok;
  if (const json::value* volumes = find(*o, "volumes"); volumes && !volumes->is_array())
    return bad({"volumes"}, "a list is expected");
  Names names;
  for (const char* key : {"initContainers", "containers"})
    if (auto ok = check_containers(*o, key, names); !ok) return ok;
  if (auto ok = check_texts(*o, "labels", "a label"); !ok) return ok;
  if (auto ok = check_texts(*o, "annotations", "an annotation"); !ok) return ok;
  return check_datadog(*o, names);
}

}  // namespace

const Keys kAutoscaleKeys{"min", "max", "cpu", "metrics", "behavior"};

const Keys& final_keys() {
  static const Keys kKnown = [] {
    Keys all = kOwn;
    for (const std::string& field : fields_of("core.v1.PodSpec"))
      if (is_of_templates(field)) all.push_back(field);
    return all;
  }();
  return kKnown;
}

Keys service_keys() {
  Keys known{"annotations", "labels"};
  for (const std::string& field : fields_of("core.v1.ServiceSpec"))
    if (field != "selector") known.push_back(field);
  return known;
}

void normalise_final(json::value& final) {
  json::object* o = final.if_object();
  for (const char* key : {"initContainers", "containers"}) {
    json::value* containers = o ? o->if_contains(key) : nullptr;
    if (!containers || !containers->is_array()) continue;
    for (json::value& c : containers->get_array())
      if (json::object* container = c.if_object()) (void)normalise_env(*container, {});
  }
}

Result<> check_final(json::value& final, const std::string& file, const std::string& text) {
  auto ok = check(final);
  if (ok) return {};
  Error e = ok.error();
  std::string path;
  std::vector<std::string_view> keys;
  if (!e.where.empty()) keys = split(e.where, '\n');
  for (std::string_view key : keys)
    path += (path.empty() || key.starts_with("[") ? "" : ".") + std::string(key);
  e.detail = rendered_lines(text, keys);
  e.where = path.empty() ? file + ": final JSON" : file + ": final JSON, " + path;
  return fail(std::move(e));
}

}  // namespace lemmy::manifest
