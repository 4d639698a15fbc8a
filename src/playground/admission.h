#pragma once
// Inside room playground: what an API server does to an object before it keeps it.
#include "playground/status.h"
#include "playground/store.h"

namespace lemmy::playground {

// Fills in what the API server fills in. `counter` numbers cluster IPs.
void set_defaults(Kind kind, json::object& whole, uint64_t counter);

// 422 with every cause; `before` is what is there now, or null.
Answer<> validate(Kind kind, const json::object& whole, const Object* before);

// Fields that are not in the schema: the error of server-side apply, as the API server words it; empty: fine.
std::string undeclared(Kind kind, const json::object& whole);

}  // namespace lemmy::playground
