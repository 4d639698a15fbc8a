#include <fmt/format.h>

#include "base/strings.h"
#include "manifest/explain.h"

namespace lemmy::manifest {
namespace {

json::object to_json(const Place& p) {
  json::object o{{"file", p.file}, {"line", p.line}, {"column", p.column}};
  if (p.end_line != p.line) o["end_line"] = p.end_line;
  o["end_column"] = p.end_column;
  if (!p.text.empty()) o["text"] = p.text;
  o["literal"] = p.literal;
  if (p.built_in) o["built_in"] = true;
  return o;
}

json::object to_json(const Key& k) {
  json::object o{{"key", k.key}, {"how", name(k.how)}};
  if (!k.file.empty()) o["file"] = k.file, o["line"] = k.line;
  return o;
}

json::object to_json(const Origin& origin) {
  json::object o{{"path", origin.path}, {"value", origin.value}};
  if (!origin.rule.empty()) {
    o["rule"] = origin.rule;
    return o;
  }
  json::array& written = o["written"].emplace_array();
  for (const Place& p : origin.written) written.push_back(to_json(p));
  json::array& fed = o["fed"].emplace_array();
  for (const Key& k : origin.fed) fed.push_back(to_json(k));
  return o;
}

const json::array& list(const json::object& o, std::string_view key) {
  static const json::array none;
  const json::value* v = find(o, key);
  return v && v->is_array() ? v->get_array() : none;
}

// The text of a template on one line.
std::string one_line(std::string_view text) {
  std::string out;
  for (char c : text)
    if (c != '\n' && c != '\r' && c != '\t')
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  return out;
}

std::string key_text(const json::object& k) {
  const std::string_view how = text_or(k, "how");
  std::string out(how == "decides" ? "if " : how == "maybe" ? "perhaps " : "");
  out += text_or(k, "key");
  if (std::string_view file = text_or(k, "file"); !file.empty())
    out += fmt::format(" ({}:{})", file.substr(file.rfind('/') + 1), int_or(k, "line"));
  return out;
}

}  // namespace

json::object to_json(const Explanation& explanation) {
  json::object out;
  for (const Explained& e : explanation.objects) {
    json::array& all = out[e.object].emplace_array();
    for (const Origin& o : e.fields) all.push_back(to_json(o));
  }
  return out;
}

std::string origin_line(const json::object& field) {
  if (std::string_view rule = text_or(field, "rule"); !rule.empty())
    return fmt::format("stamped by Lemmy: {}", rule);
  std::string out;
  for (const json::value& v : list(field, "written")) {
    if (!v.is_object()) continue;
    const json::object& p = v.get_object();
    if (!out.empty()) {  // the others only pass it on
      out += fmt::format(", through {}:{}", text_or(p, "file"), int_or(p, "line"));
      continue;
    }
    out = fmt::format("{}{}:{}:{}", bool_or(p, "built_in") ? "built-in " : "", text_or(p, "file"),
                      int_or(p, "line"), int_or(p, "column"));
    if (!bool_or(p, "literal")) out += fmt::format(" `{}`", one_line(text_or(p, "text")));
  }
  std::vector<std::string> keys;
  for (const json::value& v : list(field, "fed"))
    if (v.is_object()) keys.push_back(key_text(v.get_object()));
  if (!keys.empty()) out += fmt::format("{}<- {}", out.empty() ? "" : " ", join(keys, ", "));
  return out.empty() ? "not known" : out;
}

void say_sent(json::object& explanation, const json::array& manifests) {
  for (const json::value& m : manifests) {
    const json::object* manifest = m.if_object();
    const bool copy = manifest && bool_or(*manifest, "immutable");
    json::value* list = manifest && !copy ? explanation.if_contains(text_or(*manifest, "kind")) : nullptr;
    if (!list || !list->is_array()) continue;
    std::map<std::string, json::value> sent;
    for (Field& f : fields(m)) sent.emplace(std::move(f.path), std::move(f.value));
    for (json::value& v : list->get_array()) {
      json::object* o = v.if_object();
      auto now = o ? sent.find(std::string(text_or(*o, "path"))) : sent.end();
      if (now == sent.end() || now->second == o->at("value")) continue;
      const std::string rule(text_or(*o, "rule", "hand-over"));
      *o = json::object{{"path", now->first}, {"value", now->second}, {"rule", rule}};
    }
  }
}

}  // namespace lemmy::manifest
