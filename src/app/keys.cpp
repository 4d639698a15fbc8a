// The keys that access.yaml names: files and variables with secrets, certificates. They are no part of the
// tree: clouds and people change them by themselves.
#include <algorithm>
#include <cstdlib>

#include "app/app.h"
#include "async/child.h"
#include "base/log.h"

namespace lemmy::app {

Task<> App::read_keys() {
  auto config = watcher_.current();
  std::vector<std::string> secrets;
  for (const config::Hook& h : config->access.hooks)
    if (!h.secret_env.empty()) secrets.push_back(h.secret_env);
  keep_from_children(secrets);
  auto keys = co_await bulkheads_.files.run([config] {
    return std::pair{
        std::make_shared<const access::HookKeys>(
            access::read_hook_keys(config->access, [](const char* name) { return std::getenv(name); })),
        std::make_shared<const access::InstanceKeys>(access::read_instance_keys(config->access))};
  });
  keys_ = keys.first;
  instance_keys_ = keys.second;

  config::Problems now = keys_->problems;
  now.insert(now.end(), instance_keys_->problems.begin(), instance_keys_->problems.end());
  if (now == key_problems_) co_return;
  for (const Error& e : now)
    if (std::ranges::find(key_problems_, e) == key_problems_.end())
      log::warning("a key of access.yaml", {{"what", e.str()}});
  if (now.empty()) log::info("the keys of access.yaml are good again", {});
  key_problems_ = std::move(now);
  feed_->changed_all();
}

config::Problems App::problems() const {
  config::Problems all = watcher_.problems();
  all.insert(all.end(), key_problems_.begin(), key_problems_.end());
  return all;
}

}  // namespace lemmy::app
