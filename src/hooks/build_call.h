#pragma once
// What a call of POST /hooks/build says, as a value. Pure.
#include "domain/build.h"

namespace lemmy::hooks {

// Fields that are not known are left alone: build systems send what they have. `timestamp` (RFC 3339, or
// seconds since 1970) is when the build was made; one later than `now` counts as none. Errors: invalid, with
// the field as where.
Result<Build> read_build(const json::object& body, Time now);

}  // namespace lemmy::hooks
