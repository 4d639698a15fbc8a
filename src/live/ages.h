#pragma once
#include "base/json.h"

namespace lemmy::live {

// Empties what is other at each look though nothing has changed: the texts "age" and "next_in" at any depth.
// To compare what is shown, and for those who reckon them by themselves.
void drop_ages(json::value& value);
void drop_ages(json::object& object);

}  // namespace lemmy::live
