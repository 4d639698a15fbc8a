// The keys that access.yaml names: files and variables with secrets, certificates. They are no part of the
// tree: clouds and people change them by themselves.
#include <algorithm>
#include <cstdlib>

#include "app/app.h"
#include "async/child.h"
#include "base/log.h"

namespace lemmy::app {
namespace {

// A good disk takes milliseconds.
constexpr milliseconds kKeysWait{2'000}, kKeysLook{5};
constexpr seconds kSecretKept{30};  // files are away for a moment while they are replaced

const char* environment(const char* name) { return std::getenv(name); }

bool same_files(const config::Access& a, const config::Access& b) {
  return (a.aws ? a.aws->certificates : std::vector<std::string>{}) ==
             (b.aws ? b.aws->certificates : std::vector<std::string>{}) &&
         (a.gce ? a.gce->keys_file : "") == (b.gce ? b.gce->keys_file : "");
}

}  // namespace

struct App::KeysRead {
  std::shared_ptr<const config::Config> config;
  Clock::time_point since = Clock::now();
  bool done = false;
  access::HookKeys hooks;
  access::InstanceKeys instances;
};

// One at a time: what hangs holds a thread.
Task<> App::read_key_files(std::shared_ptr<KeysRead> read) {
  auto keys = co_await bulkheads_.keys.run([config = read->config] {
    return std::pair{access::read_hook_keys(config->access, environment),
                     access::read_instance_keys(config->access)};
  });
  read->hooks = std::move(keys.first);
  read->instances = std::move(keys.second);
  read->done = true;
}

Task<> App::read_keys() {
  auto config = watcher_.current();
  std::vector<std::string> secrets;
  for (const config::Hook& h : config->access.hooks)
    if (!h.secret_env.empty()) secrets.push_back(h.secret_env);
  keep_from_children(secrets);
  for (;;) {
    if (!keys_read_) {
      keys_read_ = std::make_shared<KeysRead>(KeysRead{.config = config, .hooks = {}, .instances = {}});
      group_.spawn("keys", read_key_files(keys_read_));
    }
    auto read = keys_read_;
    while (!read->done && Clock::now() - read->since < kKeysWait) co_await sleep_for(kKeysLook);
    if (!read->done) {
      keep_keys();
      co_return tell_key_problems();
    }
    keys_read_.reset();
    if (read->config != config) continue;  // it hung since before this edit
    access::keep_secrets(read->hooks, keys_ ? *keys_ : access::HookKeys{}, config->access, kSecretKept,
                         Clock::now());
    keys_ = std::make_shared<const access::HookKeys>(std::move(read->hooks));
    instance_keys_ = std::make_shared<const access::InstanceKeys>(std::move(read->instances));
    keys_of_ = config;
    co_return tell_key_problems();
  }
}

// While a file hangs: what needs none of them is as the configuration says, the rest as last read.
void App::keep_keys() {
  constexpr const char* kHangs = "reading the files that access.yaml names takes too long";
  const config::Access& access = config()->access;
  auto keys = access::read_hook_keys(access, environment, [](const std::string& file) -> Result<std::string> {
    return fail(ErrorCode::timeout, file, kHangs);
  });
  if (keys_) access::keep_secrets(keys, *keys_, access, std::chrono::hours{24 * 365}, Clock::now());
  keys_ = std::make_shared<const access::HookKeys>(std::move(keys));
  const bool same = keys_of_ && same_files(keys_of_->access, access);
  auto of_instances = same ? *instance_keys_ : access::read_instance_keys({});
  if (access.aws || access.gce)
    of_instances.problems = {{ErrorCode::timeout, "access.yaml instances",
                              std::string("its keys cannot be read: ") + kHangs, "those of before are used"}};
  instance_keys_ = std::make_shared<const access::InstanceKeys>(std::move(of_instances));
}

void App::tell_key_problems() {
  config::Problems now = keys_->problems;
  now.insert(now.end(), instance_keys_->problems.begin(), instance_keys_->problems.end());
  if (now == key_problems_) return;
  for (const Error& e : now)
    if (std::ranges::find(key_problems_, e) == key_problems_.end())
      log::warning("a key of access.yaml", {{"what", e.str()}});
  if (now.empty()) log::info("the keys of access.yaml are good again", {});
  key_problems_ = std::move(now);
  feed_->changed_all();
}

}  // namespace lemmy::app
