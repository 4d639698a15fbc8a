#include "manifest/compare.h"

#include <algorithm>

#include "base/strings.h"
#include "domain/names.h"
#include "manifest/parts.h"

namespace lemmy::manifest {
namespace {

void put(json::object& out, const json::object& manifest) {
  const std::string_view kind = text_or(manifest, "kind");
  const bool copy = kind == "ConfigMap" && bool_or(manifest, "immutable");
  if (!kind.empty() && !copy) out[kind] = manifest;
}

const json::object* origin_of(const json::object& origins, std::string_view object, std::string_view path) {
  const json::value* list = find(origins, object);
  if (!list || !list->is_array()) return nullptr;
  for (const json::value& v : list->get_array())
    if (const json::object* o = v.if_object(); o && text_or(*o, "path") == path) return o;
  return nullptr;
}

bool follows_the_build(const json::object& origin) {
  const json::value* fed = find(origin, "fed");
  if (!fed || !fed->is_array() || fed->get_array().empty()) return false;
  return std::all_of(fed->get_array().begin(), fed->get_array().end(), [](const json::value& v) {
    return v.is_object() && text_or(v.get_object(), "key").starts_with("build.");
  });
}

// The manifests' field is where the standards put that of the final JSON.
bool passes_on(const Change& manifest, const Change& final) {
  return (manifest.path == final.path || manifest.path.ends_with("." + final.path)) &&
         manifest.before == final.before && manifest.after == final.after;
}

// An empty list or object that got its first items, or lost its last, is told by the items.
std::vector<FieldChange> without_hulls(std::vector<FieldChange> all) {
  auto is_hull = [&](const FieldChange& c) {
    if (c.change.before.has_value() == c.change.after.has_value()) return false;
    const json::value& v = c.change.before ? *c.change.before : *c.change.after;
    if (!v.is_object() && !v.is_array()) return false;
    return std::any_of(all.begin(), all.end(), [&](const FieldChange& o) {
      return o.object == c.object && o.change.path.size() > c.change.path.size() + 1 &&
             o.change.path.starts_with(c.change.path) &&
             std::string_view(".[").find(o.change.path[c.change.path.size()]) != std::string_view::npos;
    });
  };
  std::vector<FieldChange> out;
  for (const FieldChange& c : all)
    if (!is_hull(c)) out.push_back(c);
  return out;
}

}  // namespace

json::object by_kind(const Manifests& m) {
  json::object out;
  for (Role role : {Role::controller, Role::autoscaler, Role::service, Role::files})
    if (const json::object* o = m.find(role)) put(out, *o);
  return out;
}

json::object by_kind(const json::array& stored) {
  json::object out;
  for (const json::value& v : stored)
    if (const json::object* o = v.if_object()) put(out, *o);
  return out;
}

void leave_out_pods(json::object& before, json::object& after) {
  if (!before.contains("HorizontalPodAutoscaler") || !after.contains("HorizontalPodAutoscaler")) return;
  for (json::object* side : {&before, &after})
    for (const WorkloadTraits& w : workloads()) {
      json::value* controller = side->if_contains(w.kind);
      json::value* spec =
          controller && controller->is_object() ? controller->get_object().if_contains("spec") : nullptr;
      if (spec && spec->is_object()) spec->get_object().stable_erase("replicas");
    }
}

std::vector<FieldChange> compare(const json::object& before, const json::object& after) {
  std::vector<FieldChange> out;
  std::vector<std::string> kinds;
  for (const json::object* side : {&after, &before})
    for (const auto& [kind, value] : *side)
      if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.emplace_back(kind);
  auto side = [](const json::object& all, const std::string& kind) {
    const json::value* v = find(all, kind);
    return v ? *v : json::value();
  };
  for (const std::string& kind : kinds)
    for (Change& c : changes(side(before, kind), side(after, kind))) out.push_back({kind, std::move(c), ""});
  return out;
}

void add_origins(std::vector<FieldChange>& all, const json::object& fresh, const json::object& old) {
  for (FieldChange& c : all)
    if (const json::object* o = origin_of(c.change.after ? fresh : old, c.object, c.change.path)) {
      c.from = origin_line(*o);
      c.by_build = follows_the_build(*o);
    }
}

std::string_view kind_of(const Change& c) { return !c.before ? "added" : !c.after ? "removed" : "changed"; }

json::array to_json(const std::vector<FieldChange>& all) {
  json::array out;
  for (const FieldChange& c : all) {
    json::object o{{"object", c.object}, {"path", c.change.path}};
    if (c.change.before) o["before"] = *c.change.before;
    if (c.change.after) o["after"] = *c.change.after;
    o["change"] = kind_of(c.change);
    if (!c.from.empty()) o["from"] = c.from;
    out.push_back(std::move(o));
  }
  return out;
}

std::pair<std::string, std::string> shown_values(const Change& c, size_t width) {
  constexpr size_t kBefore = 12;
  auto text = [](const std::optional<json::value>& v) { return v ? shown_value(*v) : "-"; };
  std::string before = text(c.before), after = text(c.after);
  size_t same =
      std::mismatch(before.begin(), before.end(), after.begin(), after.end()).first - before.begin();
  if (std::max(before.size(), after.size()) > width && same > kBefore) {
    size_t cut = same - kBefore;
    while (cut > 0 && (static_cast<unsigned char>(before[cut]) & 0xc0) == 0x80) --cut;  // not within a letter
    if (cut > 0)
      for (std::string* s : {&before, &after}) *s = "…" + s->substr(cut);
  }
  return {shorten(before, width), shorten(after, width)};
}

std::optional<Workload> workload_of(const json::array& manifests) {
  for (const json::value& v : manifests)
    if (const json::object* o = v.if_object())
      if (auto workload = workload_of_kind(text_or(*o, "kind"))) return workload;
  return std::nullopt;
}

void stamp_again(json::array& manifests, Stamp stamp) {
  stamp.workload = workload_of(manifests).value_or(stamp.workload);
  for (json::value& v : manifests) {
    json::object* o = v.if_object();
    if (!o) continue;
    const std::string_view kind = text_or(*o, "kind");
    const json::value* name = find(v, {"metadata", "name"});
    if (workload_of_kind(kind))
      stamp_controller(*o, stamp);
    else if (kind == kAutoscaler.kind)
      stamp_autoscaler(*o, stamp);
    else if (kind == "Service")
      stamp_service(*o, stamp);
    else if (kind == "ConfigMap" && name && name->is_string())
      stamp_object(*o, stamp, std::string(name->get_string()));
  }
}

std::vector<FieldChange> what_differs(Sent before, const Sent& after, const Stamp& stamp) {
  // Both: a stamp that an older Lemmy did not set is no difference.
  json::array sent = after.manifests;
  stamp_again(before.manifests, stamp);
  stamp_again(sent, stamp);
  json::object was = by_kind(before.manifests), now = by_kind(sent);
  leave_out_pods(was, now);
  std::vector<FieldChange> out = without_hulls(compare({{"final", before.final}}, {{"final", after.final}}));
  const size_t finals = out.size();
  for (FieldChange& c : without_hulls(compare(was, now))) {
    bool passed_on = false;
    for (size_t i = 0; i < finals && !passed_on; ++i) passed_on = passes_on(c.change, out[i].change);
    if (!passed_on) out.push_back(std::move(c));
  }
  add_origins(out, after.origins, before.origins);
  return out;
}

Scale scale_of(const json::array& manifests) {
  Scale out;
  for (const json::value& v : manifests) {
    const json::value* spec = find(v, {"spec"});
    if (!spec || !spec->is_object()) continue;
    const json::object& s = spec->get_object();
    const std::string_view kind = text_or(v.get_object(), "kind");
    if (workload_of_kind(kind)) out.replicas = static_cast<int>(int_or(s, "replicas", 1));
    if (kind == kAutoscaler.kind) {
      out.min = std::max(1, static_cast<int>(int_or(s, "minReplicas")));
      out.max = static_cast<int>(int_or(s, "maxReplicas"));
    }
  }
  return out;
}

}  // namespace lemmy::manifest
