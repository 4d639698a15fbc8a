#pragma once
#include "api/common.h"

namespace lemmy::api {

void add_metrics(route::Router& router, Shared services);  // GET /metrics

}  // namespace lemmy::api
