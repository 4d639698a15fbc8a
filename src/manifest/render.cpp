#include <fmt/format.h>

#include <set>

#include "base/crypto.h"
#include "base/strings.h"
#include "domain/names.h"
#include "manifest/manifest.h"

namespace lemmy::manifest {
namespace {

const json::object kPorts{{"grpc", 80}, {"rest", 8080}, {"debug", 9090}};

std::unexpected<Error> bad_final(std::string key, std::string what, std::string hint = "") {
  return fail(ErrorCode::invalid, "template.json.j2: final JSON, " + std::move(key), std::move(what),
              std::move(hint));
}

// Kubernetes takes a list of {name, value}; people write {"NAME": "value"}.
Result<> normalise_env(json::object& container, const std::string& where) {
  json::value* env = container.if_contains("env");
  if (!env || env->is_array()) return {};
  if (!env->is_object()) return bad_final(where + ".env", "an object or a list is expected");
  json::array list;
  for (const auto& [name, value] : env->get_object()) {
    std::string text;
    if (value.is_string())
      text = std::string(value.get_string());
    else if (value.is_number() || value.is_bool())
      text = json::serialize(value);
    else
      return bad_final(where + ".env." + std::string(name), "a text, number or true/false is expected");
    list.push_back({{"name", name}, {"value", text}});
  }
  *env = std::move(list);
  return {};
}

Result<> check_final(json::value& v) {
  json::object* o = v.if_object();
  if (!o) return bad_final("the top", "an object is expected");
  const std::vector<std::string> known{"replicas",    "autoscale",  "labels",
                                       "annotations", "containers", "volumes"};
  for (const auto& [key, value] : *o)
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      auto near = nearest(key, known);
      return bad_final(std::string(key), "unknown key",
                       near ? "did you mean '" + *near + "'?" : "known are: " + join(known, ", "));
    }
  int64_t replicas = int_or(*o, "replicas", -1);
  if (replicas < 0 || replicas > 1000)
    return bad_final("replicas", "a whole number from 0 to 1000 is expected");
  if (const json::value* a = find(*o, "autoscale")) {
    int64_t min = a->is_object() ? int_or(a->get_object(), "min") : 0;
    int64_t max = a->is_object() ? int_or(a->get_object(), "max") : 0;
    if (min < 1 || max < min || max > 1000)
      return bad_final("autoscale", "min and max are expected, 1 <= min <= max <= 1000");
  }
  json::value* containers = o->if_contains("containers");
  if (!containers || !containers->is_array() || containers->get_array().empty())
    return bad_final("containers", "at least one container is expected");
  std::set<std::string, std::less<>> names;
  for (size_t i = 0; i < containers->get_array().size(); ++i) {
    std::string where = fmt::format("containers[{}]", i);
    json::value& c = containers->get_array()[i];
    if (!c.is_object() || text_or(c.get_object(), "name").empty() || text_or(c.get_object(), "image").empty())
      return bad_final(where, "a container needs a name and an image");
    names.emplace(text_or(c.get_object(), "name"));
    if (auto ok = normalise_env(c.get_object(), where); !ok) return ok;
  }
  if (const json::value* a = find(*o, "annotations"); a && a->is_object())
    for (const auto& [key, value] : a->get_object()) {
      constexpr std::string_view prefix = "ad.datadoghq.com/";
      if (!value.is_string()) return bad_final("annotations." + std::string(key), "an annotation is a text");
      if (!key.starts_with(prefix)) continue;
      std::string_view container = std::string_view(key).substr(prefix.size());
      container = container.substr(0, container.rfind('.'));
      if (container != "tags" && !names.contains(container))
        return bad_final("annotations." + std::string(key),
                         fmt::format("Datadog looks for container '{}', which there is not", container));
    }
  return {};
}

Result<json::object> render_object(const tmpl::Templates& t, const std::string& name,
                                   const json::value& context) {
  auto text = t.render(name, context);
  if (!text) return fail(text.error());
  auto v = tmpl::parse_rendered(*text, name);
  if (!v) return fail(v.error());
  if (!v->is_object()) return fail(ErrorCode::invalid, name, "it must render a JSON object");
  return std::move(v->get_object());
}

}  // namespace

Result<std::shared_ptr<const Renderer>> Renderer::create(const config::Config& config,
                                                         const config::Project& project) {
  std::vector<tmpl::Source> sources;
  for (const config::File& f : project.templates) sources.push_back({f.name, f.text});
  for (const config::File& f : config.standards) sources.push_back({"standards/" + f.name, f.text});
  for (const tmpl::Source& d : default_standards())
    if (std::none_of(sources.begin(), sources.end(), [&](const tmpl::Source& s) { return s.name == d.name; }))
      sources.push_back(d);
  auto templates = tmpl::Templates::create(std::move(sources));
  if (!templates) {
    Error e = templates.error();
    e.where = project.name + ": " + e.where;
    return fail(e);
  }
  return std::shared_ptr<const Renderer>(new Renderer(project, *templates));
}

Result<Manifests> Renderer::render(const std::string& environment, const Build& build, int64_t deploy) const {
  const config::ProjectEnvironment* env = project_.environment(environment);
  if (!env) {
    std::vector<std::string> names;
    for (const auto& e : project_.environments) names.push_back(e.name);
    return fail(ErrorCode::not_found, "environment",
                fmt::format("{} has no environment '{}'", project_.name, environment),
                "it has: " + join(names, ", "));
  }
  json::object context{{"project", project_.name},
                       {"environment", environment},
                       {"build",
                        {{"sha", build.sha},
                         {"short_sha", short_sha(build.sha)},
                         {"branch", build.branch},
                         {"image", build.image},
                         {"url", build.url},
                         {"author", build.author}}},
                       {"deploy", {{"number", deploy}}},
                       {"ports", kPorts},
                       {"config", env->values}};

  auto final_text = templates_->render("template.json.j2", context);
  if (!final_text) return fail(final_text.error());
  auto final_json = tmpl::parse_rendered(*final_text, "template.json.j2");
  if (!final_json) return fail(final_json.error());
  if (auto ok = check_final(*final_json); !ok) return fail(ok.error());

  Manifests m;
  m.final = *final_json;
  context["final"] = m.final;
  const json::object& f = m.final.get_object();
  m.replicas = static_cast<int>(int_or(f, "replicas"));
  Stamp stamp{project_.name, environment, build.sha, build.branch, deploy, ""};
  m.object_name = object_name(project_.name, build.sha, deploy);

  if (!project_.files.empty()) {
    json::object data;
    std::string hashed;
    for (const config::File& file : project_.files) {
      data[file.name] = file.text;
      hashed += fmt::format("{}\n{}\n", file.name, sha256_hex(file.text));
    }
    stamp.config_map = fmt::format("{}-{}", project_.name, sha256_hex(hashed).substr(0, 10));
    json::object map{
        {"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", json::object{}}, {"data", data}};
    m.config_map = map;
    stamp_object(*m.config_map, stamp, project_.name);
    map["immutable"] = true;
    m.config_map_copy = std::move(map);
    stamp_object(*m.config_map_copy, stamp, stamp.config_map);
  }

  auto rc = render_object(*templates_, "standards/replication-controller.json.j2", context);
  if (!rc) return fail(rc.error());
  m.rc = std::move(*rc);
  stamp_rc(m.rc, stamp);

  if (const json::value* a = find(f, "autoscale")) {
    auto hpa = render_object(*templates_, "standards/horizontal-pod-autoscaler.json.j2", context);
    if (!hpa) return fail(hpa.error());
    m.autoscaler = std::move(*hpa);
    stamp_object(*m.autoscaler, stamp, m.object_name);
    json::value& spec = (*m.autoscaler)["spec"];
    if (!spec.is_object()) spec = json::object{};
    spec.get_object()["scaleTargetRef"] =
        json::object{{"apiVersion", "v1"}, {"kind", "ReplicationController"}, {"name", m.object_name}};
    m.min = static_cast<int>(int_or(a->get_object(), "min"));
    m.max = static_cast<int>(int_or(a->get_object(), "max"));
  }
  if (project_.service) {
    auto service = render_object(*templates_, "standards/service.json.j2", context);
    if (!service) return fail(service.error());
    m.service = std::move(*service);
    stamp_object(*m.service, stamp, project_.name);
    // The Service outlives deploys: it belongs to the target, and answers for old and new alike.
    json::object& labels = (*m.service)["metadata"].get_object()["labels"].get_object();
    for (const char* of_one_deploy : {"build", "branch", "deploy", "app.kubernetes.io/version"})
      labels.stable_erase(of_one_deploy);
    (*m.service)["spec"].get_object()["selector"] =
        json::object{{"project", project_.name}, {"environment", environment}};
  }
  return m;
}

}  // namespace lemmy::manifest
