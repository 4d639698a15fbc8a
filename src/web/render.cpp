#include "web/render.h"

#include <algorithm>
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
  if (!html) return html;
  *html = in_order(*html);  // whatever a branch or a message holds
  const json::value* page = find(context.as_object(), "page");
  return rooted(std::move(*html), page && page->is_object() ? text_or(page->get_object(), "root") : "");
}

// Texts have no quotation marks here, as autoescape takes them: what looks like an attribute is one.
std::string rooted(std::string html, std::string_view root) {
  if (root.empty()) return html;
  constexpr std::string_view slashes[] = {"/", "&#x2f;"};
  constexpr std::string_view names[] = {" href=\"", " src=\"", " action=\""};
  std::string out;
  size_t done = 0;
  for (size_t quote = html.find("=\""); quote != html.npos; quote = html.find("=\"", quote + 2)) {
    const std::string_view before = std::string_view(html).substr(0, quote + 2);
    const std::string_view value = std::string_view(html).substr(quote + 2);
    const bool address = std::ranges::any_of(names, [&](auto name) { return before.ends_with(name); });
    if (!address) continue;
    for (std::string_view slash : slashes) {
      if (!value.starts_with(slash)) continue;
      const std::string_view rest = value.substr(slash.size());
      if (rest.starts_with(slashes[0]) || rest.starts_with(slashes[1])) break;  // of another server
      out.append(html, done, quote + 2 - done).append(root);
      done = quote + 2;
      break;
    }
  }
  return out.append(html, done);
}

}  // namespace lemmy::web
