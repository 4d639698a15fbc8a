#include "app/app.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "api/api.h"
#include "base/log.h"
#include "base/open_files.h"
#include "base/strings.h"
#include "manifest/manifest.h"
#include "store/copying.h"
#include "store/measured.h"
#include "web/web.h"

namespace lemmy::app {
namespace {

constexpr milliseconds kConfigPoll{1000}, kRendering{5'000};
constexpr milliseconds kKubeconfigs{10'000};
constexpr milliseconds kArchive{5'000};
constexpr milliseconds kStoreLook{5'000}, kStoreAgain{1'000}, kStoreLimit{6'000};

std::string archive_of(const Options& o) {
  constexpr std::string_view kSqlite = "sqlite:";
  if (!o.archive.empty() || !o.store.starts_with(kSqlite)) return o.archive;
  return o.store.substr(kSqlite.size()) + ".archive";
}

std::unexpected<config::Problems> one(Error e) { return std::unexpected(config::Problems{std::move(e)}); }

}  // namespace

App::App(asio::io_context& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      watcher_(options_.config_dir,
               [](const config::Config& config) { return manifest::render_faults(config, kRendering); }),
      group_(loop.get_executor()) {}

App::~App() { group_.cancel(); }

Task<std::expected<uint16_t, config::Problems>> App::start() {
  co_await bulkheads_.files.run([this] { return watcher_.poll(); });
  if (!watcher_.current()) co_return std::unexpected(watcher_.problems());
  tell_of_config();
  if (auto ok = check_binding(); !ok) co_return one(ok.error());

  std::error_code made;
  std::filesystem::create_directories(options_.data_dir, made);
  if (made)
    co_return one({ErrorCode::unavailable, options_.data_dir, "the folder cannot be made: " + made.message(),
                   "choose another with --data"});
  auto check = bulkheads_.archive.run([dir = options_.archive] { return check_archive(dir); });
  auto archive = co_await with_deadline(std::move(check), kArchive, options_.archive);
  if (!archive && archive.error().code != ErrorCode::timeout) co_return one(archive.error());
  if (!archive)  // costs only what needs it: /readyz tells
    log::warning("the archive does not answer; the server starts without it",
                 {{"archive", options_.archive}});
  auto key = co_await bulkheads_.files.run(
      [file = options_.data_dir + "/session.key"] { return access::server_key(file); });
  if (!key) co_return one(key.error());
  if (options_.store.empty()) options_.store = "sqlite:" + options_.data_dir + "/lemmy.db";
  auto opened = co_await store::open_store(loop_.get_executor(), options_.store);
  if (!opened) co_return one(opened.error());
  auto whole = co_await store::check_loaded(opened->get(), store::shown(options_.store));
  if (!whole) co_return one(whole.error());
  store_ = std::make_unique<store::Measured>(std::move(*opened));

  feed_ = std::make_unique<live::Feed>();
  known_clusters_ = std::make_unique<KnownClusters>(store_.get());
  clusters_ = std::make_unique<Clusters>(
      loop_.get_executor(), &bulkheads_.kubeconfigs, &bulkheads_.clusters, options_.clusters,
      [this](const Target& target) {
        if (conductor_) conductor_->cluster_changed(target);
        target.project.empty() ? feed_->changed_all() : feed_->changed(target);
      },
      [this](std::string name, std::string uid) { return recognise(std::move(name), std::move(uid)); });
  co_await find_ansible();
  auto cluster = [this](const std::string& name) { return clusters_->named(name); };
  auto current = [this] { return config(); };
  auto changed = [this](const Target& target) { feed_->changed(target); };
  auto may_act = [this] { return !leader_ || leader_->sure(); };
  auto lost = [this] {
    if (leader_) leader_->lost();
  };
  hosts::Surroundings of_hosts{
      store_.get(), current, changed, runs_.get(), ansible::Tools{options_.ansible}, &bulkheads_.runs};
  places_ = std::make_unique<Places>(
      clusters_.get(), pods::Surroundings{&bulkheads_.deploys, store_.get(), current, may_act}, of_hosts);
  deploy::Surroundings around{loop_.get_executor(),
                              &bulkheads_.deploys,
                              store_.get(),
                              current,
                              [this](const Deploy& d) { return places_->of(d); },
                              [this](const Target& target) {
                                feed_->changed(target);
                                if (instances_) instances_->deploys_changed(target);
                              },
                              lost,
                              may_act,
                              [this](Target t) -> Task<Result<int64_t>> {
                                if (!retention_) co_return 0;
                                co_return co_await retention_->archived_number(std::move(t));
                              }};
  conductor_ = std::make_unique<deploy::Conductor>(around);
  instances_ = std::make_unique<hosts::Instances>(loop_.get_executor(), of_hosts, conductor_.get(), lost);
  retention_ = std::make_unique<retention::Retention>(std::move(around), conductor_.get(),
                                                      archive_of(options_), &bulkheads_.archive);
  drifts_ = std::make_unique<live::Drifts>(
      live::Drifts::Sources{loop_.get_executor(), conductor_.get(), feed_.get(), cluster});
  board_ = std::make_unique<live::Board>(
      live::Sources{store_.get(), conductor_.get(), current, [this] { return problems(); }, cluster,
                    [this] { return clusters_->states(); }, options_.simulated, instances_.get(),
                    retention_.get(), [this] { return store_trouble_; }, &bulkheads_.pages, drifts_.get()});
  store_->on_change([this](const store::Change& c) { changed_elsewhere(c); });
  co_await reload();
  ended_sessions_ = std::make_unique<EndedSessions>(store_.get());
  if (auto read = co_await ended_sessions_->read(); !read) co_return one(read.error());
  auto started = co_await conductor_->start();
  if (!started) co_return one(started.error());
  deploys_known_ = true;
  started = co_await begin_to_lead();
  if (!started) co_return one(started.error());

  const bool open = !config()->has_access;
  route::Settings settings{*key, open, current};
  settings.has_ended = [this](const std::string& id) { return ended_sessions_->has(id); };
  settings.end_session = [this](std::string id, Time expires) {
    return live::in_time(ended_sessions_->end(std::move(id), expires));
  };
  router_ = std::make_unique<route::Router>(std::move(settings));
  live::Services services{loop_.get_executor(),
                          &bulkheads_.pages,
                          store_.get(),
                          conductor_.get(),
                          board_.get(),
                          feed_.get(),
                          current,
                          options_.simulated,
                          instances_.get(),
                          retention_.get(),
                          &bulkheads_.passwords,
                          &bulkheads_.known_passwords,
                          drifts_.get(),
                          [this](std::string cluster, std::string uid, std::string who) {
                            return accept_cluster(std::move(cluster), std::move(uid), std::move(who));
                          }};
  hooks::add_routes(*router_, services, {[this] { return keys_; }, open, [this] { return instance_keys_; }});
  api::add_routes(*router_, services);
  web::add_pages(*router_, services);
  // Half of the file descriptors are for the store, clusters, and child programs' pipes.
  net::ServerLimits limits;
  limits.connections = std::min(limits.connections, std::max<size_t>(raise_open_files() / 2, 16));
  server_ = std::make_unique<net::Server>(
      loop_.get_executor(), [this](net::Request request) { return router_->handle(std::move(request)); },
      limits);
  auto port = server_->listen(options_.host, options_.port);
  if (!port) co_return one(port.error());
  group_.spawn("configuration", follow_config());
  group_.spawn("kubeconfigs", follow_kubeconfigs());
  group_.spawn("vitals of the loop", watch_loop());
  group_.spawn("vitals of the disk", watch_disk());
  group_.spawn("store", watch_store());
  group_.spawn("drift", drifts_->run());
  group_.spawn("ended sessions", follow_ended_sessions());
  log::info("listening", {{"host", options_.host},
                          {"port", std::to_string(*port)},
                          {"store", store::shown(options_.store)},
                          {"access", open ? "open to this machine" : "by access.yaml"}});
  co_return *port;
}

// Runs of a server that was killed go on without it: they are ended, and their deploys run them again.
Task<> App::find_ansible() {
  // Playbooks run in the tree's own folder.
  if (!options_.ansible.empty()) options_.ansible = std::filesystem::absolute(options_.ansible).string();
  ansible::Tools tools{options_.ansible};
  if (auto there = ansible::installed(tools); !there) {
    log::info("no hosts: Ansible was not found", {{"what", there.error().str()}});
    co_return;
  }
  runs_ = std::make_unique<ansible::Runs>(loop_.get_executor(), &bulkheads_.runs, tools,
                                          std::filesystem::absolute(options_.data_dir).string() + "/runs");
  auto ended = co_await runs_->end_orphans();
  if (!ended) {
    log::warning("runs of an earlier server could not be ended", {{"what", ended.error().str()}});
  } else if (!ended->empty()) {
    log::warning("runs of an earlier server were ended", {{"runs", join(*ended, ", ")}});
  }
  // Only deploys are repeated under their ids.
  co_await runs_->forget_all([](const std::string& id) { return !hosts::is_of_deploy(id); });
  group_.spawn("version of Ansible", say_version(tools));
}

// Python takes its time, so nobody waits for it.
Task<> App::say_version(ansible::Tools tools) {
  auto version = co_await ansible::version(&bulkheads_.runs, tools);
  if (version)
    log::info("hosts by Ansible", {{"version", *version}});
  else
    log::warning("Ansible does not work", {{"what", version.error().str()}});
}

Task<> App::reload() {
  co_await read_keys();
  co_await clusters_->use(watcher_.current());
}

void App::tell_of_config() const {
  for (const Error& e : watcher_.problems())
    log::warning("the configuration's newest files are not used", {{"what", e.str()}});
  for (const Error& e : watcher_.faults())
    log::warning("what the configuration has cannot be deployed", {{"what", e.str()}});
}

Task<> App::follow_config() {
  for (;;) {
    co_await sleep_for(kConfigPoll);
    co_await read_keys();
    auto news = co_await bulkheads_.files.run([this] { return watcher_.poll(); });
    if (news == config::News::none) continue;
    if (news == config::News::config) {
      log::info("new configuration", {{"revision", config()->revision}});
      co_await reload();
      conductor_->cluster_changed({});
      instances_->deploys_changed({});
    }
    tell_of_config();
    feed_->changed_all();
  }
}

// They are no part of the tree: people and programs write them anew.
Task<> App::follow_kubeconfigs() {
  for (;;) {
    co_await sleep_for(kKubeconfigs);
    co_await clusters_->look();
  }
}

// Pages say so while the store takes no writes.
Task<> App::watch_store() {
  for (;;) {
    co_await sleep_for(store_trouble_ ? kStoreAgain : kStoreLook);
    auto ok = co_await with_deadline(store_->check(), kStoreLimit, "the store");
    if (!ok) {
      if (store_trouble_ && store_trouble_->error == ok.error()) continue;
      log::error("the store takes no writes", {{"what", ok.error().str()}});
      store_trouble_ = {ok.error(), store_trouble_ ? store_trouble_->since : now()};
      feed_->changed_all();
    } else if (store_trouble_) {
      // A write that was said to have failed may have been kept.
      auto read = co_await with_deadline(conductor_->refresh({}), kStoreLimit, "the store");
      if (read && conductor_->leading())
        read = co_await with_deadline(instances_->refresh(), kStoreLimit, "the store");
      if (!read) continue;
      log::info("the store takes writes again", {{"since", format_time(store_trouble_->since)}});
      store_trouble_.reset();
      // Who waits before the next try need not wait any longer.
      conductor_->cluster_changed({});
      instances_->deploys_changed({});
      feed_->changed_all();
    }
  }
}

}  // namespace lemmy::app
