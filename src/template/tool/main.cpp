// Renders one request from standard input, for the comparison with Python's Jinja2:
// {"templates": {name: text}, "name", "context", ["limits"]} gives {"ok": text} or {"error": {...}}.
#include <fmt/format.h>

#include <iostream>
#include <iterator>

#include "template/template.h"

namespace {

using namespace lemmy;

Result<std::string> answer(const json::object& request) {
  std::vector<tmpl::Source> sources;
  if (const json::value* all = find(request, "templates"); all && all->is_object())
    for (const auto& [name, text] : all->get_object())
      if (text.is_string()) sources.push_back({name, std::string(text.get_string())});
  tmpl::Limits limits;
  if (const json::value* given = find(request, "limits"); given && given->is_object()) {
    const json::object& o = given->get_object();
    limits.fuel = int_or(o, "fuel", limits.fuel);
    limits.output_bytes = int_or(o, "output_bytes", limits.output_bytes);
    limits.recursion = int_or(o, "recursion", limits.recursion);
  }
  auto templates = tmpl::Templates::create(std::move(sources), limits);
  if (!templates) return fail(templates.error());
  const json::value* context = find(request, "context");
  return (*templates)->render(std::string(text_or(request, "name")), context ? *context : json::object{});
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::string line;  // one request a line, one answer a line
  while (std::getline(std::cin, line)) {
    auto request = parse_json(line, "stdin");
    Result<std::string> r = fail(ErrorCode::invalid, "stdin", "a request is an object");
    if (!request) {
      r = fail(request.error());
    } else if (const json::object* o = request->if_object()) {
      r = answer(*o);
    }
    json::object out;
    if (r) {
      out["ok"] = *r;
    } else {
      const Error& e = r.error();
      out["error"] = json::object{{"code", name(e.code)},
                                  {"where", e.where},
                                  {"what", e.what},
                                  {"hint", e.hint},
                                  {"detail", e.detail}};
    }
    std::cout << json::serialize(out) << '\n' << std::flush;
  }
}
