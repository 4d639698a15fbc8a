#include "manifest/drift.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "base/strings.h"
#include "domain/names.h"
#include "manifest/compare.h"
#include "manifest/kubernetes_rules.h"
#include "manifest/managed_fields.h"

namespace lemmy::manifest {
namespace {

// By which the API server tells items of lists apart.
constexpr std::string_view kListKeys[] = {"name",       "port", "containerPort", "protocol", "mountPath",
                                          "devicePath", "ip",   "topologyKey"};
constexpr size_t kDriftShown = 400, kDriftInLine = 120;

// What people and templates set.
json::value settings(const json::object& object) {
  json::object out, meta;
  for (const auto& [key, value] : object)
    if (key != "metadata" && key != "status" && key != "apiVersion" && key != "kind") out[key] = value;
  for (const char* key : {"labels", "annotations"})
    if (const json::object& some = object_at(object_at(object, "metadata"), key); !some.empty())
      meta[key] = some;
  if (!meta.empty()) out["metadata"] = std::move(meta);
  return out;
}

std::map<std::string, Field> by_path(const json::value& document) {
  std::map<std::string, Field> out;
  for (Field& f : fields(document)) {
    std::string path = f.path;
    out.emplace(std::move(path), std::move(f));
  }
  return out;
}

bool is_hull(const json::value& v) {
  return (v.is_object() && v.get_object().empty()) || (v.is_array() && v.get_array().empty());
}

// What the API server leaves out of what it keeps.
bool says_nothing(const json::value& v) {
  return v.is_null() || is_hull(v) || v == json::value("") || v == json::value(false) || v == json::value(0);
}

std::optional<double> amount(const json::value& v) {
  if (v.is_number()) return v.to_number<double>();
  return v.is_string() ? quantity(v.get_string()) : std::nullopt;
}

bool same(const std::string& path, const json::value& a, const json::value& b) {
  if (a == b) return true;
  if (path.find("resources.") == path.npos) return false;
  const auto x = amount(a), y = amount(b);
  return x && y && std::abs(*x - *y) <= 1e-9 * std::max(std::abs(*x), std::abs(*y));
}

bool is_replicas(const std::string& kind, const Steps& steps) {
  return workload_of_kind(kind) && steps.size() == 2 && steps[1].key == "replicas";
}

// Lemmy; an autoscaler that somebody else made, which acts as the controller manager; who is not known.
bool may_scale(std::string_view manager) {
  return manager.empty() || manager == "lemmy" || manager == "kube-controller-manager";
}

// The outermost item of a list in there of which `named` has nothing: its path, and how many steps lead to
// it.
std::pair<std::string, size_t> added_item(const Field& f, const std::map<std::string, Field>& named) {
  size_t at = 0;
  for (size_t i = 0; i < f.steps.size(); ++i) {
    if (!f.steps[i].in_list) continue;
    do at = f.path.find(']', at) + 1;
    while (at > 1 && f.path[at - 2] == '"');  // of a key with dots
    const std::string item = f.path.substr(0, at);
    const auto first = named.lower_bound(item);
    if (first == named.end() || !first->first.starts_with(item)) return {item, i + 1};
  }
  return {f.path, f.steps.size()};
}

std::string_view what_of(const Drift& d) {
  if (d.by_deploy) return "other_deploy";
  if (d.field.path.empty()) return "deleted";
  return !d.field.after ? "removed" : !d.field.before ? "added" : "changed";
}

// An item of a list that is gone, or came, is told by what it says besides its name.
void leave_out_item_names(std::vector<Drift>& all) {
  constexpr std::string_view kName = "].name";
  std::map<std::pair<std::string, std::string>, int> in_item;  // by the item's path, and what became of it
  for (const Drift& d : all)
    for (size_t at = d.field.path.find("]."); at != std::string::npos; at = d.field.path.find("].", at + 1))
      ++in_item[{d.field.path.substr(0, at + 1), std::string(what_of(d))}];
  std::erase_if(all, [&](const Drift& d) {
    if (!d.field.path.ends_with(kName) || (d.field.before && d.field.after)) return false;
    const std::string item = d.field.path.substr(0, d.field.path.size() - kName.size() + 1);
    return in_item[{item, std::string(what_of(d))}] > 1;
  });
}

int64_t deploy_in(const json::object& object) {
  const json::object& labels = object_at(object_at(object, "metadata"), "labels");
  const std::string_view text = text_or(labels, "deploy");
  int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = read.ec == std::errc() && read.ptr == text.data() + text.size();
  return whole && text_or(labels, kManagedBy) == "lemmy" ? number : 0;
}

}  // namespace

std::vector<Drift> drift(const json::object& manifest, const InCluster& cluster, bool autoscaled) {
  const std::string kind(text_or(manifest, "kind"));
  const std::string name(text_or(object_at(manifest, "metadata"), "name"));
  if (!cluster.live) return {{kind, name, {}, "", ""}};
  const json::value whole = *cluster.live;
  const json::object& live = whole.get_object();
  const std::string_view going = text_or(object_at(live, "metadata"), "deletionTimestamp");
  if (!going.empty()) return {{kind, name, {}, "", std::string(going)}};  // somebody's finalizer holds it
  const json::value was = settings(cluster.applied_anew ? *cluster.applied_anew : manifest);
  const auto named = by_path(settings(manifest));
  const auto applied = by_path(was), is = by_path(settings(live));
  const int64_t ours = deploy_in(manifest), theirs = deploy_in(live);
  const bool later = ours != 0 && theirs != 0 && ours != theirs;

  std::vector<Drift> out;
  auto look = [&](const Field& at, const Field* before, const Field* after) {
    const bool meta = at.steps.front().key == "metadata";
    if (at.steps.back().key == kAnswersLabel || (meta && !named.contains(at.path))) return;
    if (before && after && same(at.path, before->value, after->value)) return;
    if (!after && (cluster.applied_anew ? is_hull(before->value) : says_nothing(before->value))) return;
    if (!before && (!cluster.applied_anew || is_hull(after->value))) return;
    if (is_replicas(kind, at.steps) && autoscaled) return;
    const json::object* by = manager_of(whole, at.steps, !after);
    const std::string manager(by ? text_or(*by, "manager") : "");
    if (is_replicas(kind, at.steps) && may_scale(manager)) return;
    // As the API server keeps it: null and 0 are left out.
    if (before && after && !cluster.applied_anew && says_nothing(before->value) &&
        (!by || is_of_cluster(*by)))
      return;
    // It wrote it so, and the API server keeps it in another form: 1024Mi as 1Gi.
    if (!cluster.applied_anew && after && manager == "lemmy") return;
    if (later && (manager == "lemmy" || (!by && !after))) return;  // that deploy did it
    Drift d{kind,
            name,
            {at.path, std::nullopt, std::nullopt},
            manager,
            by ? std::string(text_or(*by, "time")) : ""};
    if (before) d.field.before = before->value;
    if (after) d.field.after = after->value;
    out.push_back(std::move(d));
  };
  // In the order in which the manifest has them.
  for (const Field& f : fields(was)) {
    const auto now = is.find(f.path);
    const Field& at = now == is.end() ? f : now->second;
    look(at, &f, now == is.end() ? nullptr : &now->second);
  }
  for (const auto& [path, f] : is)
    if (!applied.contains(path)) look(f, nullptr, &f);
  // What somebody added beside what Lemmy names is there in both.
  std::set<std::string> told;
  for (const Drift& d : out) told.insert(d.field.path);
  const std::string since = applied_at(whole);
  const auto by_itself = cluster.as_new ? by_path(settings(*cluster.as_new)) : std::map<std::string, Field>();
  for (const auto& [path, f] : is) {
    const std::string& top = f.steps.front().key;
    if ((top != "spec" && top != "data" && top != "binaryData") || named.contains(path) ||
        told.contains(path) || is_replicas(kind, f.steps) || is_hull(f.value))
      continue;
    if (const auto same = by_itself.find(path); same != by_itself.end() && same->second.value == f.value)
      continue;
    const json::object* by = manager_of(whole, f.steps);
    if (!by || is_of_cluster(*by) || text_or(*by, "time") <= since) continue;
    // An item whose key somebody changed is theirs in all of its fields, and told already.
    const std::string in_item = path.substr(0, path.rfind(']') + 1);
    if (!in_item.empty() && std::ranges::any_of(kListKeys, [&](std::string_view key) {
          return told.contains(fmt::format("{}.{}", in_item, key));
        }))
      continue;
    const auto [item, steps] = added_item(f, named);
    if (!told.insert(item).second) continue;
    const json::value* value = value_at(whole, Steps(f.steps.begin(), f.steps.begin() + steps));
    Drift d{kind,
            name,
            {item, std::nullopt, value ? *value : f.value},
            std::string(text_or(*by, "manager")),
            std::string(text_or(*by, "time"))};
    out.push_back(std::move(d));
  }
  leave_out_item_names(out);
  // The copy of a ConfigMap is named by its content, and shared by all deploys that have the same.
  if (later && !bool_or(manifest, "immutable")) {
    Drift d{kind, name, {}, "lemmy", ""};
    d.by_deploy = theirs;
    out.insert(out.begin(), std::move(d));
  }
  return out;
}

std::string drift_line(const Drift& d) {
  std::string out = fmt::format("{} {}: ", d.kind, d.name);
  if (d.by_deploy) return out + fmt::format("it is as deploy #{} applied it", d.by_deploy);
  if (d.field.path.empty()) return out + "somebody deleted it" + (d.at.empty() ? "" : " (" + d.at + ")");
  const auto [before, after] = shown_values(d.field, kDriftInLine);
  if (!d.field.after)
    out += fmt::format("{} is gone, was applied as {}", d.field.path, before);
  else if (!d.field.before)
    out += fmt::format("{} is {}, and was not applied", d.field.path, after);
  else
    out += fmt::format("{} is {}, was applied as {}", d.field.path, after, before);
  if (!d.manager.empty()) out += fmt::format(" ({}{})", d.manager, d.at.empty() ? "" : ", " + d.at);
  return out;
}

json::object to_json(const Drift& d) {
  const auto [before, after] = shown_values(d.field, kDriftShown);
  auto text = [](bool there, const std::string& s) { return there ? json::value(s) : json::value(nullptr); };
  json::object out{{"kind", d.kind}, {"name", d.name}, {"what", what_of(d)}, {"path", d.field.path}};
  out["applied"] = text(d.field.before.has_value(), before);
  out["live"] = text(d.field.after.has_value(), after);
  out["manager"] = d.manager;
  out["at"] = d.at;
  out["deploy"] = d.by_deploy ? json::value(d.by_deploy) : json::value(nullptr);
  out["text"] = drift_line(d);
  return out;
}

}  // namespace lemmy::manifest
