#include "template/schema_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace lemmy::tmpl {
namespace {

enum Draft { draft4, draft6, draft7, draft2019, draft2020 };
enum class Holds { nothing, schema, list, map, any };  // `any`: a schema, a list or a map of some

struct Keyword {
  std::string_view name;
  Draft from = draft4, to = draft2020;
  Holds holds = Holds::nothing;
};

constexpr auto kKeywords = std::to_array<Keyword>({
    {"$schema"},
    {"$ref"},
    {"id", draft4, draft4},
    {"$id", draft6},
    {"$comment", draft7},
    {"$anchor", draft2019},
    {"$vocabulary", draft2019},
    {"$recursiveRef", draft2019, draft2019},
    {"$recursiveAnchor", draft2019, draft2019},
    {"$dynamicRef", draft2020},
    {"$dynamicAnchor", draft2020},
    {"$defs", draft2019, draft2020, Holds::map},
    {"definitions", draft4, draft2020, Holds::map},
    {"allOf", draft4, draft2020, Holds::list},
    {"anyOf", draft4, draft2020, Holds::list},
    {"oneOf", draft4, draft2020, Holds::list},
    {"not", draft4, draft2020, Holds::schema},
    {"if", draft7, draft2020, Holds::schema},
    {"then", draft7, draft2020, Holds::schema},
    {"else", draft7, draft2020, Holds::schema},
    {"properties", draft4, draft2020, Holds::map},
    {"patternProperties", draft4, draft2020, Holds::map},
    {"additionalProperties", draft4, draft2020, Holds::schema},
    {"unevaluatedProperties", draft2019, draft2020, Holds::schema},
    {"propertyNames", draft6, draft2020, Holds::schema},
    {"dependencies", draft4, draft7, Holds::map},
    {"dependentSchemas", draft2019, draft2020, Holds::map},
    {"dependentRequired", draft2019},
    {"prefixItems", draft2020, draft2020, Holds::list},
    {"items", draft4, draft2020, Holds::any},
    {"additionalItems", draft4, draft2019, Holds::schema},
    {"unevaluatedItems", draft2019, draft2020, Holds::schema},
    {"contains", draft6, draft2020, Holds::schema},
    {"minContains", draft2019},
    {"maxContains", draft2019},
    {"type"},
    {"enum"},
    {"const", draft6},
    {"multipleOf"},
    {"maximum"},
    {"exclusiveMaximum"},
    {"minimum"},
    {"exclusiveMinimum"},
    {"maxLength"},
    {"minLength"},
    {"pattern"},
    {"format"},
    {"maxItems"},
    {"minItems"},
    {"uniqueItems"},
    {"maxProperties"},
    {"minProperties"},
    {"required"},
    {"title"},
    {"description"},
    {"default"},
    {"examples", draft6},
    {"deprecated", draft2019},
    {"readOnly", draft7},
    {"writeOnly", draft7},
    {"contentEncoding", draft7},
    {"contentMediaType", draft7},
    {"contentSchema", draft2019, draft2020, Holds::schema},
});

// Without these the keyword does nothing.
struct Needs {
  std::string_view keyword, other;
};
constexpr auto kNeeds = std::to_array<Needs>(
    {{"then", "if"}, {"else", "if"}, {"minContains", "contains"}, {"maxContains", "contains"}});

struct Name {
  std::string_view uri, words;
};
constexpr auto kDrafts = std::to_array<Name>({{"http://json-schema.org/draft-04/schema", "draft 4"},
                                              {"http://json-schema.org/draft-06/schema", "draft 6"},
                                              {"http://json-schema.org/draft-07/schema", "draft 7"},
                                              {"https://json-schema.org/draft/2019-09/schema", "2019-09"},
                                              {"https://json-schema.org/draft/2020-12/schema", "2020-12"}});

const Keyword* keyword(std::string_view name) {
  const auto at = std::ranges::find(kKeywords, name, &Keyword::name);
  return at == kKeywords.end() ? nullptr : &*at;
}

std::optional<Draft> draft_of(const json::value& schema) {
  const json::value* v = schema.is_string() ? &schema : nullptr;
  if (!v) return {};
  std::string_view uri = v->get_string();
  if (uri.ends_with('#')) uri.remove_suffix(1);
  const auto at = std::ranges::find(kDrafts, uri, &Name::uri);
  if (at == kDrafts.end()) return {};
  return static_cast<Draft>(at - kDrafts.begin());
}

Error wrong(const std::string& at, std::string_view key, std::string what, std::string hint = "") {
  return {ErrorCode::invalid, pointer_to(at, {std::string(key), "", nullptr}), std::move(what),
          std::move(hint)};
}

std::string in_words(const Keyword& k, Draft draft) {
  const bool before = draft < k.from;
  return fmt::format("'{}' is {} JSON Schema {}, and this one is of {}", k.name,
                     before ? "new in" : "not known after", kDrafts[before ? k.from : k.to].words,
                     kDrafts[draft].words);
}

std::optional<Error> wrong_key(const json::object& o, std::string_view key, Draft draft,
                               const std::string& at) {
  if (key.starts_with("x-")) return {};
  const Keyword* k = keyword(key);
  if (!k) {
    std::vector<std::string> known;
    for (const Keyword& one : kKeywords)
      if (one.from <= draft && draft <= one.to) known.emplace_back(one.name);
    auto near = nearest(key, known);
    return wrong(at, key, fmt::format("'{}' is no keyword of JSON Schema", key),
                 near ? fmt::format("did you mean '{}'?", *near)
                      : "it would do nothing; begin it with 'x-' if that is meant");
  }
  if (draft < k->from || draft > k->to)
    return wrong(at, key, in_words(*k, draft), "it would do nothing: name the draft in \"$schema\"");
  for (const Needs& n : kNeeds)
    if (key == n.keyword && !o.contains(n.other))
      return wrong(at, key, fmt::format("'{}' does nothing without '{}'", key, n.other));
  // https://json-schema.org/draft-07/json-schema-core, 8.3
  if (draft <= draft7 && o.contains("$ref") && key != "$ref" && key != "definitions")
    return wrong(at, key, fmt::format("'{}' does nothing beside '$ref'", key),
                 "put both into an allOf, or name draft 2020-12 in \"$schema\"");
  return {};
}

std::optional<Error> walk(const json::value& schema, Draft draft, const std::string& at) {
  const json::object* o = schema.if_object();
  if (!o) return {};
  if (const json::value* named = o->if_contains("$schema")) {
    auto is = draft_of(*named);
    if (!is)
      return wrong(at, "$schema", "no such draft of JSON Schema is known here",
                   fmt::format("known are {}#, {} and {}", kDrafts[draft7].uri, kDrafts[draft2019].uri,
                               kDrafts[draft2020].uri));
    draft = *is;
  }
  for (const auto& [key, value] : *o)
    if (auto error = wrong_key(*o, key, draft, at)) return error;
  for (const Subschema& below : subschemas(*o))
    if (auto error = walk(*below.schema, draft, pointer_to(at, below))) return error;
  return {};
}

std::string escaped(std::string_view key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

}  // namespace

std::string pointer_to(const std::string& at, const Subschema& below) {
  std::string out = at + "/" + escaped(below.keyword);
  if (!below.key.empty()) out += "/" + escaped(below.key);
  return out;
}

std::vector<Subschema> subschemas(const json::object& schema) {
  std::vector<Subschema> out;
  for (const auto& [name, value] : schema) {
    const Keyword* k = keyword(name);
    if (!k || k->holds == Holds::nothing) continue;
    if (const json::array* list = value.if_array()) {
      for (size_t i = 0; i < list->size(); ++i) out.push_back({name, std::to_string(i), &(*list)[i]});
    } else if (k->holds == Holds::map && value.is_object()) {
      for (const auto& [key, one] : value.get_object()) out.push_back({name, key, &one});
    } else {
      out.push_back({name, "", &value});
    }
  }
  return out;
}

std::optional<Error> wrong_keyword(const json::value& schema) { return walk(schema, draft2020, ""); }

}  // namespace lemmy::tmpl
