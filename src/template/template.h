#pragma once
// Jinja2 templates, by minijinja behind a thin C interface. Undefined is strict; nothing is escaped
// except in *.html.j2; key order and 64-bit integers are kept; fuel, output size and recursion are bounded.
// docs/templates.md lists where minijinja differs from Python's Jinja2.
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"

namespace lemmy::tmpl {

struct Source {
  std::string name;  // as used by include, import and extends, and shown in errors
  std::string text;
};

struct Limits {
  uint64_t fuel = 2'000'000;  // instructions; 64 bytes of text that are made count as one
  size_t output_bytes = 8u << 20;
  size_t recursion = 100;
};

// What templates see, read once for many renders. Immutable, cheap to copy; any thread. Values that are no
// JSON (infinite numbers) make every render with it an error.
class Context {
 public:
  explicit Context(const json::object& names);
  // These and, over them, those.
  Context with(const json::object& names) const;
  json::value as_json() const;  // slow, for errors

 private:
  friend class Templates;
  explicit Context(std::shared_ptr<const void> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<const void> handle_;  // null: refused
};

// A part of a rendered text, and the part of a template that wrote it.
struct Piece {
  size_t source = 0;           // index in Templates::sources()
  bool literal = false;        // text as it stands in the template; else the value of an expression
  size_t start = 0, end = 0;   // in the rendered text, in bytes
  size_t from = 0, until = 0;  // in the template: the text, or the expression without its {{ }}
};
struct Traced {
  std::string text;
  std::vector<Piece> pieces;  // in the text's order, without overlaps
};

// A set of parsed templates. Immutable; render() may be called from any thread.
class Templates {
 public:
  // Errors: invalid, where = "name:line:column", detail = the excerpt with line numbers and a mark at the
  // fault.
  static Result<std::shared_ptr<const Templates>> create(std::vector<Source> sources, Limits limits = {});
  ~Templates();
  // Errors as above; an undefined value names the variable and, when it is
  // known, says the nearest key that exists. too_large when a limit is hit.
  Result<std::string> render(const std::string& name, const Context& context) const;
  Result<std::string> render(const std::string& name, const json::value& context) const {
    return render(name, Context(context.as_object()));
  }
  // The same text with its pieces, for explanations: slower. What macros, {% filter %}, {% call %} and
  // {% set %} blocks made belongs to the expression that wrote it out.
  Result<Traced> trace(const std::string& name, const Context& context) const;
  Result<Traced> trace(const std::string& name, const json::value& context) const {
    return trace(name, Context(context.as_object()));
  }
  const std::vector<Source>& sources() const { return sources_; }
  Templates(const Templates&) = delete;

 private:
  Templates() = default;
  void* handle_ = nullptr;
  std::vector<Source> sources_;
};

// Parses rendered JSON, and refuses a key that stands twice. The error shows the rendered lines around the
// fault and names the template.
Result<json::value> parse_rendered(const std::string& text, const std::string& template_name);

// Where a JSON value stands in its text, and its items in their order.
struct Located {
  size_t start = 0, end = 0;
  size_t key_start = 0, key_end = 0;  // of the key before it, with its quotation marks; 0: none
  std::vector<Located> items;
};
Located locate_json(std::string_view text);  // `text` is valid JSON of at most 64 levels

// The parts of the templates that wrote text[start, end): one range for each template, the first writer
// first.
struct Range {
  size_t source, from, until;
  bool literal;  // no expression took part
};
std::vector<Range> writers(const Traced& traced, size_t start, size_t end);

}  // namespace lemmy::tmpl
