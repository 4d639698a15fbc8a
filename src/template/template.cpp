#include "template/template.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "template/crate.h"

extern "C" {
void* lemmy_jinja_create(const unsigned char* sources, size_t size, uint64_t fuel, size_t output_bytes,
                         size_t recursion, lemmy_jinja_text* error);
bool lemmy_jinja_render(const void* set, const unsigned char* name, size_t name_size, const void* context,
                        lemmy_jinja_text* out);
bool lemmy_jinja_trace(const void* set, const unsigned char* name, size_t name_size, const void* context,
                       lemmy_jinja_text* out);
void* lemmy_jinja_context(const void* base, const unsigned char* names, size_t size, lemmy_jinja_text* error);
lemmy_jinja_text lemmy_jinja_context_text(const void* context);
void lemmy_jinja_context_drop(void* context);
void lemmy_jinja_drop(void* set);
}

namespace lemmy::tmpl {

std::string take(lemmy_jinja_text t) {
  std::string out(reinterpret_cast<const char*>(t.data), t.size);
  lemmy_jinja_free(t);
  return out;
}

namespace {

// For "config.replica": the key of `config` that is nearest to "replica", or the keys that there are.
std::string undefined_hint(const json::value& context, std::string_view expression) {
  const std::string usual = "define it, or use the default filter";
  const json::value* at = &context;
  auto parts = split(expression, '.');
  for (size_t i = 0; i < parts.size(); ++i) {
    const json::object* o = at->if_object();
    if (!o) return usual;
    if (const json::value* next = o->if_contains(parts[i])) {
      at = next;
      continue;
    }
    std::vector<std::string> keys;
    for (const auto& [key, value] : *o) keys.emplace_back(key);
    if (auto near = nearest(parts[i], keys)) return fmt::format("did you mean '{}'?", *near);
    if (i == 0 || keys.empty() || keys.size() > 12) return usual;
    return fmt::format("'{}' has {}; or use the default filter",
                       expression.substr(0, parts[i].data() - expression.data() - 1), join(keys, ", "));
  }
  return usual;
}

// What the engine found undefined: `x` in "...(`x` is undefined, from line 2)"; and the place it comes from.
struct Undefined {
  std::string expression, from;
};
Undefined undefined_in(std::string_view detail) {
  constexpr std::string_view mark = "` is undefined";
  size_t end = detail.find(mark);
  size_t start = end == detail.npos ? end : detail.rfind('`', end - 1);
  if (start == detail.npos) return {};
  Undefined u{std::string(detail.substr(start + 1, end - start - 1)), ""};
  std::string_view rest = detail.substr(end + mark.size());
  if (size_t from = rest.find("from "); from != rest.npos)
    u.from = rest.substr(from + 5, rest.find(')') - from - 5);
  return u;
}

Error to_error(const std::string& text, const std::vector<Source>& sources, const Context* context) {
  auto parsed = parse_json(text, "template error");
  if (!parsed || !parsed->is_object()) return {ErrorCode::internal, "template", text};
  const json::object& o = parsed->get_object();
  std::string kind(text_or(o, "kind")), name(text_or(o, "template")), detail(text_or(o, "detail"));
  Error e{ErrorCode::invalid, name, std::string(text_or(o, "what"))};
  if (!detail.empty()) e.what += ": " + detail;
  size_t line = int_or(o, "line"), column = 0, width = 0;
  std::string_view expression;
  Undefined undefined = undefined_in(detail);
  auto source = std::find_if(sources.begin(), sources.end(), [&](const Source& s) { return s.name == name; });
  if (source != sources.end() && line) {
    int64_t start = int_or(o, "start", -1), end = int_or(o, "end", -1);
    if (start >= 0 && end > start && end <= static_cast<int64_t>(source->text.size())) {
      std::string_view before = std::string_view(source->text).substr(0, start);
      line = std::count(before.begin(), before.end(), '\n') + 1;
      column = start - (before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1) + 1;
      expression = std::string_view(source->text).substr(start, end - start);
      expression = expression.substr(0, expression.find('\n'));
      width = expression.size();
      // The engine points at the filter or the operator; people look for the variable.
      if (!undefined.expression.empty()) {
        std::string_view row = split(source->text, '\n')[line - 1];
        size_t at = row.substr(0, column - 1 + width).rfind(undefined.expression);
        if (at != row.npos) column = at + 1, width = undefined.expression.size();
      }
    }
    e.where = column ? fmt::format("{}:{}:{}", name, line, column) : fmt::format("{}:{}", name, line);
    e.detail = excerpt(source->text, line, column, width);
  }
  if (kind == "UndefinedError" || !undefined.expression.empty()) {
    if (!undefined.expression.empty()) expression = undefined.expression;
    if (!expression.empty()) e.what = fmt::format("'{}' is undefined", expression);
    if (!undefined.from.empty()) e.what += ", from " + undefined.from;
    e.hint = undefined_hint(context ? context->as_json() : json::value(), expression);
  } else if (kind == "OutOfFuel") {
    e.code = ErrorCode::too_large;
    e.what = "the template works too long";
    e.hint = "is there a loop that is too large?";
  } else if (kind == "TooLarge") {
    e.code = ErrorCode::too_large;
    e.what = "the template writes too much";
  } else if (kind == "TemplateNotFound") {
    std::vector<std::string> names;
    for (const Source& s : sources) names.push_back(s.name);
    e.code = ErrorCode::not_found;
    e.hint = "there are: " + join(names, ", ");
  } else if (kind == "UnknownFilter" || kind == "UnknownTest" || kind == "UnknownFunction" ||
             kind == "UnknownMethod") {
    if (!detail.empty()) e.what = detail;
    e.hint = "docs/templates.md says what differs from Python's Jinja2";
  } else if (kind == "SyntaxError" && detail.contains("unexpected end of input")) {
    e.hint = "an {% if %}, {% for %}, {% macro %} or another block is not closed";
  } else if (detail == "invalid float literal") {
    e.what = "this text is not a number";
    e.hint = "give a default, such as int(0)";
  } else if (kind == "Panic") {
    e.code = ErrorCode::internal;
  }
  return e;
}

}  // namespace

Result<std::shared_ptr<const Templates>> Templates::create(std::vector<Source> sources, Limits limits) {
  json::array list;
  for (const Source& s : sources) list.push_back(json::array{s.name, s.text});
  std::string text = json::serialize(list);
  lemmy_jinja_text error{};
  void* handle = lemmy_jinja_create(bytes(text), text.size(), limits.fuel, limits.output_bytes,
                                    limits.recursion, &error);
  if (!handle) return fail(to_error(take(error), sources, nullptr));
  std::shared_ptr<Templates> out(new Templates);
  out->handle_ = handle;
  out->sources_ = std::move(sources);
  return out;
}

static std::shared_ptr<const void> context_of(const void* base, const json::object& names) {
  std::string text = json::serialize(names);
  lemmy_jinja_text error{};
  void* made = lemmy_jinja_context(base, bytes(text), text.size(), &error);
  if (!made) {  // bytes of strangers that are not UTF-8
    take(error);
    text = valid_utf8(text);
    made = lemmy_jinja_context(base, bytes(text), text.size(), &error);
  }
  if (made) return {made, [](void* context) { lemmy_jinja_context_drop(context); }};
  take(error);
  return nullptr;
}

static std::unexpected<Error> refused(const std::string& name) {
  return fail(ErrorCode::invalid, name, "a value that it is given is no JSON: a number that is too large",
              "write a smaller one, or a text in quotation marks");
}

Context::Context(const json::object& names) : handle_(context_of(nullptr, names)) {}

Context Context::with(const json::object& names) const {
  return Context(handle_ ? context_of(handle_.get(), names) : nullptr);
}

json::value Context::as_json() const {
  if (!handle_) return nullptr;
  auto v = parse_json(take(lemmy_jinja_context_text(handle_.get())), "context");
  return v ? std::move(*v) : json::value();
}

Templates::~Templates() { lemmy_jinja_drop(handle_); }

Result<std::string> Templates::render(const std::string& name, const Context& context) const {
  if (!context.handle_) return refused(name);
  lemmy_jinja_text out{};
  bool ok = lemmy_jinja_render(handle_, bytes(name), name.size(), context.handle_.get(), &out);
  std::string result = take(out);
  if (!ok) return fail(to_error(result, sources_, &context));
  return result;
}

Result<Traced> Templates::trace(const std::string& name, const Context& context) const {
  if (!context.handle_) return refused(name);
  lemmy_jinja_text out{};
  bool ok = lemmy_jinja_trace(handle_, bytes(name), name.size(), context.handle_.get(), &out);
  std::string result = take(out);
  if (!ok) return fail(to_error(result, sources_, &context));
  auto parsed = parse_json(result, "trace");
  if (!parsed) return fail(parsed.error());
  Traced traced{std::string(parsed->at("text").as_string()), {}};
  for (const json::value& v : parsed->at("pieces").as_array()) {
    const json::array& p = v.as_array();
    auto number = [&](size_t i) { return p[i].to_number<size_t>(); };
    auto source = std::find_if(sources_.begin(), sources_.end(),
                               [&](const Source& s) { return s.name == std::string_view(p[0].as_string()); });
    if (source == sources_.end()) continue;
    traced.pieces.push_back({static_cast<size_t>(source - sources_.begin()), p[1].as_bool(), number(2),
                             number(3), number(4), number(5)});
  }
  return traced;
}

}  // namespace lemmy::tmpl
