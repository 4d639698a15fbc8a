#pragma once
#include "api/common.h"
#include "api/store_look.h"

namespace lemmy::api {

void add_metrics(route::Router& router, Shared services, std::shared_ptr<StoreLook> look);  // GET /metrics

}  // namespace lemmy::api
