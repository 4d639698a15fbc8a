#include "cli/changes.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

void put(json::object& out, const json::object& manifest) {
  const std::string_view kind = text_or(manifest, "kind");
  const bool copy = kind == "ConfigMap" && bool_or(manifest, "immutable");
  if (!kind.empty() && !copy) out[kind] = manifest;
}

std::string from(const json::object& origins, std::string_view object, std::string_view path) {
  for (const json::value& v : array_in(origins, object))
    if (const json::object* o = v.if_object(); o && text_or(*o, "path") == path)
      return manifest::origin_line(*o);
  return "";
}

// Both values as far as they fit, from shortly before where they begin to differ.
std::pair<std::string, std::string> shown(const manifest::Change& c) {
  constexpr size_t kWidth = 40, kBefore = 12;
  auto text = [](const std::optional<json::value>& v) { return v ? clean(manifest::shown_value(*v)) : "-"; };
  std::string before = text(c.before), after = text(c.after);
  size_t same =
      std::mismatch(before.begin(), before.end(), after.begin(), after.end()).first - before.begin();
  if (std::max(before.size(), after.size()) > kWidth && same > kBefore) {
    size_t cut = same - kBefore;
    while (cut > 0 && (static_cast<unsigned char>(before[cut]) & 0xc0) == 0x80) --cut;  // not within a letter
    if (cut > 0)
      for (std::string* s : {&before, &after}) *s = "…" + s->substr(cut);
  }
  return {shorten(before, kWidth), shorten(after, kWidth)};
}

}  // namespace

json::object by_kind(const manifest::Manifests& m) {
  json::object out;
  for (const auto& o : {std::optional(m.rc), m.autoscaler, m.service, m.config_map})
    if (o) put(out, *o);
  return out;
}

json::object by_kind(const json::array& stored) {
  json::object out;
  for (const json::value& v : stored)
    if (const json::object* o = v.if_object()) put(out, *o);
  return out;
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
    for (manifest::Change& c : manifest::changes(side(before, kind), side(after, kind)))
      out.push_back({kind, std::move(c), ""});
  return out;
}

void add_origins(std::vector<FieldChange>& changes, const json::object& fresh, const json::object& old) {
  for (FieldChange& c : changes) c.from = from(c.change.after ? fresh : old, c.object, c.change.path);
}

json::array to_json(const std::vector<FieldChange>& changes) {
  json::array out;
  for (const FieldChange& c : changes) {
    json::object o{{"object", c.object}, {"path", c.change.path}};
    if (c.change.before) o["before"] = *c.change.before;
    if (c.change.after) o["after"] = *c.change.after;
    o["change"] = !c.change.before ? "added" : !c.change.after ? "removed" : "changed";
    if (!c.from.empty()) o["from"] = c.from;
    out.push_back(std::move(o));
  }
  return out;
}

void print_changes(const std::vector<FieldChange>& changes, size_t most) {
  Table table({"", "FIELD", "BEFORE", "AFTER", "WHERE FROM"});
  for (size_t i = 0; i < std::min(most, changes.size()); ++i) {
    const FieldChange& c = changes[i];
    const std::string_view sign = !c.change.before ? "+" : !c.change.after ? "-" : "~";
    auto [before, after] = shown(c.change);
    table.add({std::string(sign), clean(c.object + " " + c.change.path), std::move(before), std::move(after),
               clean((c.change.after || c.from.empty() ? "" : "was: ") + c.from)});
  }
  table.print();
  if (changes.size() > most) fmt::print("and {} more fields; --output json has all\n", changes.size() - most);
}

}  // namespace lemmy::cli
