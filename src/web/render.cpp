#include "web/render.h"

#include <stdexcept>

#include "base/printable.h"
#include "template/template.h"
#include "web/embedded.h"

namespace lemmy::web {

Result<std::string> render(const std::string& name, const json::value& context) {
  static const auto templates = [] {
    constexpr std::string_view kFolder = "templates/";
    std::vector<tmpl::Source> sources;
    for (const Embedded& e : embedded())
      if (e.path.starts_with(kFolder))
        sources.push_back({std::string(e.path.substr(kFolder.size())), std::string(e.text)});
    auto made = tmpl::Templates::create(std::move(sources), {.fuel = 50'000'000});
    if (!made) throw std::logic_error(made.error().str() + "\n" + made.error().detail);
    return *made;
  }();
  auto html = templates->render(name, context);
  if (html) *html = in_order(*html);  // whatever a branch or a message holds
  return html;
}

}  // namespace lemmy::web
