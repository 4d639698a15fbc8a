#pragma once
// The embedded templates, parsed once.
#include "base/json.h"

namespace lemmy::web {

// Any thread. name: "home.html.j2". A template that does not parse is a defect: throws std::logic_error.
Result<std::string> render(const std::string& name, const json::value& context);

}  // namespace lemmy::web
