#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/strings.h"
#include "domain/names.h"
#include "manifest/document.h"
#include "manifest/final.h"
#include "manifest/final_schema.h"
#include "manifest/parts.h"

namespace lemmy::manifest {
namespace {

const std::string kSchemaFile = "standards/final.schema.json";
const json::object kPorts{{"grpc", 80}, {"rest", 8080}, {"debug", 9090}};

// "template.json.j2:3:18" becomes "projects/hello-world/template.json.j2:3:18".
std::unexpected<Error> placed(const std::string& project, Error e) {
  if (!e.where.empty()) e.where = file_of(project, e.where);
  return fail(std::move(e));
}

// A misspelt standard would just not be used.
Result<> check_standards(const std::vector<tmpl::Source>& sources) {
  std::vector<std::string> known;
  for (const tmpl::Source& d : default_standards()) known.push_back(d.name);
  for (const tmpl::Source& s : sources) {
    if (!s.name.starts_with("standards/") || std::find(known.begin(), known.end(), s.name) != known.end())
      continue;
    auto near = nearest(s.name, known);
    bool used = std::any_of(sources.begin(), sources.end(),
                            [&](const tmpl::Source& other) { return other.text.contains(s.name); });
    if (near && !used)
      return fail(ErrorCode::invalid, s.name, "nothing uses a standard of this name",
                  fmt::format("did you mean '{}'?", *near));
  }
  return {};
}

Result<json::object> render_object(const tmpl::Templates& t, const Part& part, const tmpl::Context& context) {
  const std::string name(part.standard);
  auto text = t.render(name, context);
  if (!text) return fail(text.error());
  auto v = tmpl::parse_rendered(*text, name);
  if (!v) return fail(v.error());
  if (!v->is_object()) return fail(ErrorCode::invalid, name, "it must render a JSON object");
  if (text_or(v->get_object(), "kind") != part.kind)
    return fail(ErrorCode::invalid, name, fmt::format("it must render a {}", part.kind),
                fmt::format("\"kind\": \"{}\" is missing", part.kind));
  return std::move(v->get_object());
}

}  // namespace

const json::object* Manifests::find(Role role) const {
  const auto at = std::ranges::find(objects, role, &Manifest::role);
  return at == objects.end() ? nullptr : &at->object;
}

const json::object& Manifests::controller() const { return *find(Role::controller); }

json::array Manifests::in_order() const {
  json::array out;
  for (const Manifest& m : objects) out.push_back(m.object);
  return out;
}

const Part& controller_part(Workload workload) {
  // In the order of the enumeration.
  static constexpr Part all[kWorkloads] = {
      {Role::controller, "ReplicationController", "standards/replication-controller.json.j2",
       stamp_controller},
      {Role::controller, "Deployment", "standards/deployment.json.j2", stamp_controller}};
  return all[static_cast<size_t>(workload)];
}

json::value for_standards(json::value final) {
  if (json::object* o = final.if_object()) o->stable_erase("workload");
  return final;
}

std::string file_of(const std::string& project, const std::string& name) {
  return name.starts_with("standards/") ? name : fmt::format("projects/{}/{}", project, name);
}

static json::object lasting_context(const config::Project& project,
                                    const config::ProjectEnvironment& environment) {
  return {{"project", project.name},
          {"environment", environment.name},
          {"ports", kPorts},
          {"config", environment.values}};
}

static json::object passing_context(const Build& build, int64_t deploy) {
  return {{"build",
           {{"sha", build.sha},
            {"short_sha", short_sha(build.sha)},
            {"branch", build.branch},
            {"image", build.image},
            {"url", build.url},
            {"author", build.author}}},
          {"deploy", {{"number", deploy}}}};
}

json::object context_of(const config::Project& project, const config::ProjectEnvironment& environment,
                        const Build& build, int64_t deploy) {
  json::object all = lasting_context(project, environment);
  for (auto& [name, value] : passing_context(build, deploy)) all.emplace(name, std::move(value));
  return all;
}

Renderer::Renderer(config::Project project, std::shared_ptr<const tmpl::Templates> templates)
    : project_(std::move(project)), templates_(std::move(templates)) {
  for (const config::ProjectEnvironment& e : project_.environments)
    contexts_.emplace(e.name, tmpl::Context(lasting_context(project_, e)));
  if (project_.files.empty()) return;
  std::string hashed;
  for (const config::File& file : project_.files) {
    files_[file.name] = file.text;
    hashed += fmt::format("{}\n{}\n", file.name, sha256_hex(file.text));
  }
  config_map_ = fmt::format("{}-{}", project_.name, sha256_hex(hashed).substr(0, 10));
}

Result<std::shared_ptr<const Renderer>> Renderer::create(const config::Config& config,
                                                         const config::Project& project) {
  std::vector<tmpl::Source> sources;
  for (const config::File& f : project.templates) sources.push_back({f.name, f.text});
  for (const config::File& f : config.standards) sources.push_back({"standards/" + f.name, f.text});
  for (const tmpl::Source& d : default_standards())
    if (std::none_of(sources.begin(), sources.end(), [&](const tmpl::Source& s) { return s.name == d.name; }))
      sources.push_back(d);
  if (auto ok = check_standards(sources); !ok) return fail(ok.error());
  auto templates = tmpl::Templates::create(std::move(sources));
  if (!templates) return placed(project.name, templates.error());
  std::shared_ptr<Renderer> out(new Renderer(project, *templates));
  if (config.final_schema) {
    auto schema = tmpl::JsonSchema::create(kSchemaFile, config.final_schema->text);
    if (!schema) return fail(schema.error());
    if (auto ok = check_schema_names(kSchemaFile, config.final_schema->text); !ok) return fail(ok.error());
    out->schema_ = std::move(*schema);
  }
  return std::shared_ptr<const Renderer>(std::move(out));
}

Result<> Renderer::check_schema(const json::value& final, const tmpl::Context& context) const {
  if (!schema_) return {};
  auto faults = schema_->check(final);
  if (!faults) return fail(faults.error());
  if (faults->empty()) return {};
  const tmpl::JsonSchema::Fault& first = faults->front();
  Steps steps;
  const json::value* at = &final;
  for (const std::string& key : first.path) {
    const bool in_list = at->is_array();
    steps.push_back(in_list ? Step{"", std::strtoul(key.c_str(), nullptr, 10), true} : Step{key});
    at = value_at(final, steps);
    if (!at) break;
  }
  const std::string name = "template.json.j2";
  std::string where = file_of(project_.name, name);
  if (auto document = trace_document(*templates_, name, context))
    if (auto range = range_of(*document, steps))
      if (const auto by = tmpl::writers(document->traced, range->first, range->second); !by.empty()) {
        const tmpl::Source& source = templates_->sources()[by.front().source];
        const auto [line, column] = line_and_column(source.text, by.front().from);
        where = fmt::format("{}:{}:{}", file_of(project_.name, source.name), line, column);
      }
  where += ": final JSON";
  if (!steps.empty()) where += ", " + index_path(steps);
  std::string hint = fmt::format("{} does not allow it", kSchemaFile);
  if (faults->size() > 1) hint += fmt::format(", nor {} more", faults->size() - 1);
  return fail(ErrorCode::invalid, std::move(where), first.what, std::move(hint));
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
  tmpl::Context context = contexts_.at(environment).with(passing_context(build, deploy));

  auto final_text = templates_->render("template.json.j2", context);
  if (!final_text) return placed(project_.name, final_text.error());
  const std::string file = file_of(project_.name, "template.json.j2");
  auto final_json = tmpl::parse_rendered(*final_text, file);
  if (!final_json) return fail(final_json.error());
  if (auto ok = check_final(*final_json, file, *final_text); !ok) return fail(ok.error());
  if (auto ok = check_schema(*final_json, context); !ok) return fail(ok.error());

  Manifests m;
  m.final = *final_json;
  context = context.with({{"final", for_standards(m.final)}});
  const json::object& f = m.final.get_object();
  m.workload = workload_named(text_or(f, "workload")).value_or(env->workload);
  m.replicas = static_cast<int>(int_or(f, "replicas"));
  const Stamp stamp{project_.name, environment, build.sha, build.branch, deploy, config_map_, m.workload};
  m.object_name = object_name(project_.name, build.sha, deploy);

  if (!project_.files.empty()) {
    json::object map{
        {"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", json::object{}}, {"data", files_}};
    json::object copy = map;
    copy["immutable"] = true;
    stamp_object(copy, stamp, stamp.config_map);
    stamp_object(map, stamp, project_.name);
    m.objects.push_back({Role::files_copy, std::move(copy)});
    m.objects.push_back({Role::files, std::move(map)});
  }
  std::vector<const Part*> parts;
  const json::value* service = lemmy::find(f, "service");  // the template knows better than project.yaml
  if (service && !service->is_null() ? service->is_object() : project_.service) parts.push_back(&kService);
  parts.push_back(&controller_part(m.workload));
  if (const json::value* a = lemmy::find(f, "autoscale")) {
    parts.push_back(&kAutoscaler);
    m.min = static_cast<int>(int_or(a->get_object(), "min"));
    m.max = static_cast<int>(int_or(a->get_object(), "max"));
  }
  for (const Part* part : parts) {
    auto object = render_object(*templates_, *part, context);
    if (!object) return placed(project_.name, object.error());
    if (const auto lost = not_kept(f, part->role, *object))
      return fail(ErrorCode::invalid, std::string(part->standard),
                  fmt::format("it {} '{}', which the template of {} sets",
                              lost->is_left_out ? "leaves out" : "has a value of its own for", lost->key,
                              project_.name),
                  "let it use what `final` has, or forbid that key in " + kSchemaFile);
    part->stamp(*object, stamp);
    m.objects.push_back({part->role, std::move(*object)});
  }
  return m;
}

}  // namespace lemmy::manifest
