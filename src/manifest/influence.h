#pragma once
// Inside room manifest: which inputs a rendered document follows, found by trying. Each input is changed in
// turn, the document is rendered again, and the fields that differ follow that input: through filters,
// macros, loops and conditions alike.
#include <functional>
#include <map>

#include "base/time.h"
#include "manifest/fields.h"

namespace lemmy::manifest {

enum class How {
  value,    // the field is the input's value
  part,     // it changes when the input does
  decides,  // it is there because of the input
  maybe,    // with another value the template does not render; the expression that failed wrote the field
};
std::string_view name(How how);  // "value", "part", "decides", "maybe"

struct Influence {
  size_t input = 0;  // index in Influences::inputs
  How how = How::part;
  bool operator==(const Influence&) const = default;
};

struct Influences {
  std::vector<Field> inputs;
  std::map<Steps, std::vector<Influence>> of;           // by the steps of the document's field
  std::vector<std::pair<size_t, std::string>> refused;  // input, and where the render failed with another
  bool complete = true;                                 // false: it took too long; some inputs were not tried
};

using Rerender = std::function<Result<json::value>(const json::object& context)>;
// `document` is what `render` makes of `context`. Keys below context[`taken_away`] are also tried without: it
// tells which fields are there because of them. `limit` is processor time.
Influences try_inputs(const json::object& context, const json::value& document, const Rerender& render,
                      milliseconds limit, std::string_view taken_away = "");

}  // namespace lemmy::manifest
