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

// A set of parsed templates. Immutable; render() may be called from any thread.
class Templates {
 public:
  // Errors: invalid, where = "name:line:column", detail = the excerpt with line numbers and a mark at the
  // fault.
  static Result<std::shared_ptr<const Templates>> create(std::vector<Source> sources, Limits limits = {});
  ~Templates();
  // `context` must be an object. Errors as above; an undefined value names the variable and, when it is
  // known, says the nearest key that exists. too_large when a limit is hit.
  Result<std::string> render(const std::string& name, const json::value& context) const;
  Templates(const Templates&) = delete;

 private:
  Templates() = default;
  void* handle_ = nullptr;
  std::vector<Source> sources_;
};

// Parses rendered JSON, and refuses a key that stands twice. The error shows the rendered lines around the
// fault and names the template.
Result<json::value> parse_rendered(const std::string& text, const std::string& template_name);

}  // namespace lemmy::tmpl
