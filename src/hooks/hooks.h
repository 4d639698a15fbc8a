#pragma once
// Inbound webhooks: POST /hooks/build. Every call goes into the ledger with its verdict; 202 once it is
// durable.
#include "access/hook.h"
#include "live/board.h"
#include "route/router.h"

namespace lemmy::hooks {

// keys: the hook keys of this moment. open: without access.yaml, on loopback, nobody needs to sign.
struct Options {
  std::function<std::shared_ptr<const access::HookKeys>()> keys;
  bool open = false;
};
void add_routes(route::Router& router, live::Services services, Options options);

}  // namespace lemmy::hooks
