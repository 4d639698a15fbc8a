#include "manifest/document.h"

#include <algorithm>

namespace lemmy::manifest {
namespace {

const tmpl::Located* below(const tmpl::Located& at, const json::value& value, std::string_view key) {
  const json::object* o = value.if_object();
  auto found = o ? o->find(key) : json::object::const_iterator();
  return o && found != o->end() ? &at.items[found - o->begin()] : nullptr;
}

}  // namespace

std::pair<size_t, size_t> line_and_column(std::string_view text, size_t at) {
  const std::string_view before = text.substr(0, at);
  const size_t last = before.rfind('\n');
  return {std::count(before.begin(), before.end(), '\n') + 1, at - (last == before.npos ? 0 : last + 1) + 1};
}

Result<Document> trace_document(const tmpl::Templates& templates, const std::string& name,
                                const tmpl::Context& context) {
  auto traced = templates.trace(name, context);
  if (!traced) return fail(traced.error());
  auto value = tmpl::parse_rendered(traced->text, name);
  if (!value) return fail(value.error());
  tmpl::Located located = tmpl::locate_json(traced->text);
  return Document{std::move(*traced), std::move(*value), std::move(located)};
}

std::optional<std::pair<size_t, size_t>> range_of(const Document& d, const Steps& steps) {
  const tmpl::Located* at = &d.located;
  const json::value* value = &d.value;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& s = steps[i];
    if (s.in_list && value->is_object() && s.index < at->items.size() && i + 1 < steps.size()) {
      const tmpl::Located& item = at->items[s.index];
      return steps[i + 1].key == "name" ? std::pair(item.key_start, item.key_end)
                                        : std::pair(item.start, item.end);
    }
    if (s.in_list) {
      const json::array* list = value->if_array();
      if (!list || s.index >= list->size()) return std::nullopt;
      at = &at->items[s.index];
      value = &(*list)[s.index];
    } else {
      const tmpl::Located* next = below(*at, *value, s.key);
      if (!next) return std::nullopt;
      value = value->get_object().if_contains(s.key);
      at = next;
    }
  }
  return std::pair(at->start, at->end);
}

}  // namespace lemmy::manifest
