#pragma once
// REST under /api/v1, with /openapi.json, /healthz, /readyz and /metrics.
#include "live/board.h"
#include "route/router.h"

namespace lemmy::api {

void add_routes(route::Router& router, live::Services services);

}  // namespace lemmy::api
