#pragma once
// The embedded templates, parsed once.
#include "base/json.h"

namespace lemmy::web {

// Addresses of ours in it, which templates write from '/', get page.root before them
// (config::PublicUrl::path). Any thread. name: "home.html.j2". A template that does not parse is a defect:
// throws std::logic_error.
Result<std::string> render(const std::string& name, const json::value& context);

// `html` with `root` before each address of href, src and action that begins with one '/'.
std::string rooted(std::string html, std::string_view root);

}  // namespace lemmy::web
