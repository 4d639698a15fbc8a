#pragma once
// Inbound webhooks: POST /hooks/build and /hooks/instance. Every call goes into the ledger with its verdict;
// 202 once it is durable.
#include "access/instance.h"
#include "live/board.h"
#include "route/router.h"

namespace lemmy::hooks {

// keys, instance_keys: of this moment. open: without access.yaml, on loopback, nobody needs to sign.
struct Options {
  std::function<std::shared_ptr<const access::HookKeys>()> keys;
  bool open = false;
  std::function<std::shared_ptr<const access::InstanceKeys>()> instance_keys = {};
};
void add_routes(route::Router& router, live::Services services, Options options);

}  // namespace lemmy::hooks
