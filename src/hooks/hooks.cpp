#include "hooks/hooks.h"

#include "hooks/common.h"

namespace lemmy::hooks {

void add_routes(route::Router& router, live::Services services, Options options) {
  auto state = std::make_shared<State>(State{std::move(services), std::move(options)});
  add_build(router, state);
  add_instance(router, state);
}

}  // namespace lemmy::hooks
