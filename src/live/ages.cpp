#include "live/ages.h"

namespace lemmy::live {

void drop_ages(json::object& object) {
  for (auto& member : object) {
    const bool moves = member.key() == "age" || member.key() == "next_in";
    if (moves && member.value().is_string())
      member.value() = "";
    else
      drop_ages(member.value());
  }
}

void drop_ages(json::value& value) {
  if (json::object* o = value.if_object())
    drop_ages(*o);
  else if (json::array* a = value.if_array())
    for (json::value& v : *a) drop_ages(v);
}

}  // namespace lemmy::live
