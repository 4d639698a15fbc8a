// The pages through the route table, with a store and a conductor, and a cluster that never answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/source_dir_test.h"
#include "domain/names.h"
#include "pods/place.h"
#include "web/pages.h"
#include "web/web.h"

namespace lemmy::web {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kKey(32, 'k');
constexpr const char* kSha = "0123abc4567890123abc4567890123abc4567890";

struct Listener : net::Stream {
  std::vector<std::string> heard;
  size_t leaves_after = 100;
  Task<Result<>> write(net::Shared text) override {
    heard.push_back(*text);
    if (heard.size() >= leaves_after) co_return fail(ErrorCode::unavailable, "peer", "gone");
    co_return Result<>{};
  }
};

struct Handlers : testing::Test {
  Handlers() {
    std::filesystem::remove_all(dir);
    std::filesystem::create_directories(dir);
    for (auto& entry : std::filesystem::directory_iterator(kSourceDir + std::string("/docs/examples/config")))
      if (entry.path().filename() != "access.yaml")
        std::filesystem::copy(entry.path(), dir / entry.path().filename(),
                              std::filesystem::copy_options::recursive);
    auto loaded = config::load(dir);
    if (!loaded) throw std::runtime_error(loaded.error().front().str());
    config = std::make_shared<config::Config>(**loaded);
    store = std::move(*store::open_sqlite(loop.get_executor(), (dir / "test.db").string()));
    auto now_config = [this] { return std::shared_ptr<const config::Config>(config); };
    auto client = kube::Client::create(loop.get_executor(), pool, {.server = "http://127.0.0.1:1"});
    cluster =
        std::make_unique<kube::Cluster>("main", loop.get_executor(), client.value(), [](const Target&) {});
    auto one_cluster = [this](const std::string&) { return cluster.get(); };
    auto changed = [this](const Target& t) { feed.changed(t); };
    place = std::make_unique<pods::Place>(cluster.get(), pods::Surroundings{&pool, store.get(), now_config});
    deploy::Surroundings around{loop.get_executor(),
                                &pool,
                                store.get(),
                                now_config,
                                [this](const Deploy&) -> Result<deploy::Place*> { return place.get(); },
                                changed};
    conductor = std::make_unique<deploy::Conductor>(around);
    instances = std::make_unique<hosts::Instances>(
        loop.get_executor(), hosts::Surroundings{store.get(), now_config, changed, nullptr, {}, &pool},
        conductor.get());
    board = std::make_unique<live::Board>(live::Sources{store.get(),
                                                        conductor.get(),
                                                        now_config,
                                                        [this] { return problems; },
                                                        one_cluster,
                                                        [] { return std::vector<live::ClusterState>{}; },
                                                        true,
                                                        nullptr,
                                                        nullptr,
                                                        {},
                                                        &pool});
    make_router(true);
    Build b{"hello-world", kSha, "main", "", "", "ada", "Say <hello>", now(), now()};
    Delivery d{0, "build", "1", now(), "10.0.0.1", "ci", "hello-world", "{}", "accepted", ""};
    run(store->accept(d, b)).value();
  }
  ~Handlers() override {
    run_void(conductor->stop());
    std::filesystem::remove_all(dir);
  }
  void make_router(bool open) {
    config->has_access = !open;
    router = std::make_unique<route::Router>(
        route::Settings{kKey, open, [this] { return std::shared_ptr<const config::Config>(config); }, {}});
    add_pages(*router,
              {loop.get_executor(), &pool, store.get(), conductor.get(), board.get(), &feed,
               [this] { return std::shared_ptr<const config::Config>(config); }, true, instances.get()});
  }
  template <class T>
  T run(Task<T> task) {
    auto future = asio::co_spawn(loop, std::move(task), asio::use_future);
    loop.restart();
    while (future.wait_for(seconds{0}) != std::future_status::ready) loop.run_one_for(milliseconds{100});
    return future.get();
  }
  void run_void(Task<> task) {
    auto future = asio::co_spawn(loop, std::move(task), asio::use_future);
    loop.restart();
    while (future.wait_for(seconds{0}) != std::future_status::ready) loop.run_one_for(milliseconds{100});
  }
  net::Response send(std::string method, std::string path, std::string body = "", net::Headers headers = {}) {
    net::Request r;
    r.method = std::move(method);
    r.target = path;
    size_t query = path.find('?');
    r.path = path.substr(0, query);
    if (query != path.npos) r.query = *net::parse_form(path.substr(query + 1));
    r.headers = std::move(headers);
    r.headers.emplace("Host", "localhost:8484");
    if (method != "GET") r.headers.emplace("Content-Type", "application/x-www-form-urlencoded");
    r.body = std::move(body);
    return run(router->handle(std::move(r)));
  }
  std::string location(const net::Response& r) { return std::string(net::header(r.headers, "Location")); }
  std::string csrf() {
    std::string html = send("GET", "/projects/hello-world").body;
    size_t at = html.find("name=\"csrf\" value=\"") + 19;
    return html.substr(at, html.find('"', at) - at);
  }

  std::filesystem::path dir =
      std::filesystem::temp_directory_path() / ("lemmy-web-test-" + std::to_string(::getpid()));
  asio::io_context loop;
  Pool pool{1};
  live::Feed feed{loop.get_executor()};
  std::shared_ptr<config::Config> config;
  config::Problems problems;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<hosts::Instances> instances;
  std::unique_ptr<kube::Cluster> cluster;
  std::unique_ptr<pods::Place> place;
  std::unique_ptr<deploy::Conductor> conductor;
  std::unique_ptr<live::Board> board;
  std::unique_ptr<route::Router> router;
};

constexpr const char* kStaging = "/projects/hello-world/environments/staging/deploys";
constexpr const char* kProduction = "/projects/hello-world/environments/production/deploys";

TEST_F(Handlers, the_first_page_and_a_project_with_its_builds_are_shown) {
  EXPECT_THAT(send("GET", "/").body, AllOf(HasSubstr("hello-world"), HasSubstr("user-service")));
  std::string html = send("GET", "/projects/hello-world").body;
  EXPECT_THAT(html, AllOf(HasSubstr("0123abc"), HasSubstr("Say &lt;hello&gt;"), HasSubstr(">Deploy")));
}

TEST_F(Handlers, one_click_deploys_and_leads_to_the_status_page) {
  net::Response r = send("POST", kStaging, "build=" + std::string(kSha) + "&after=0&csrf=" + csrf());
  ASSERT_EQ(r.status, 303) << r.body;
  EXPECT_EQ(location(r), std::string(kStaging) + "/1");
  EXPECT_THAT(send("GET", location(r)).body, AllOf(HasSubstr("hello-world in staging"), HasSubstr("Phases")));
}

TEST_F(Handlers, clicking_twice_makes_one_deploy) {
  std::string form = "build=" + std::string(kSha) + "&after=0&csrf=" + csrf();
  EXPECT_EQ(location(send("POST", kStaging, form)), location(send("POST", kStaging, form)));
}

TEST_F(Handlers, a_protected_environment_asks_first) {
  std::string form = "build=" + std::string(kSha) + "&after=0&csrf=" + csrf();
  net::Response asked = send("POST", kProduction, form);
  EXPECT_EQ(asked.status, 200);
  EXPECT_THAT(asked.body,
              AllOf(HasSubstr("Deploy hello-world to production?"), HasSubstr("name=\"confirm\"")));
  EXPECT_EQ(conductor->latest({"hello-world", "production"}), nullptr);
  EXPECT_EQ(send("POST", kProduction, form + "&confirm=yes&reason=Friday").status, 303);
  EXPECT_EQ(run(store->deploy({"hello-world", "production"}, 1)).value().reason, "Friday");
}

TEST_F(Handlers, a_form_without_the_token_changes_nothing) {
  net::Response r = send("POST", kStaging, "build=" + std::string(kSha));
  EXPECT_EQ(r.status, 403);
  EXPECT_THAT(r.body, HasSubstr("token is missing"));
  EXPECT_EQ(conductor->latest({"hello-world", "staging"}), nullptr);
}

TEST_F(Handlers, errors_are_pages_with_what_and_a_way_back) {
  net::Response r = send("GET", "/projects/nothing-here");
  EXPECT_EQ(r.status, 404);
  EXPECT_THAT(r.body, AllOf(HasSubstr("there is no project"), HasSubstr("href=\"/\"")));
  EXPECT_EQ(send("GET", std::string(kStaging) + "/99").status, 404);
  EXPECT_EQ(send("GET", std::string(kStaging) + "/abc").status, 404);
  EXPECT_EQ(send("GET", "/no/such/page").status, 404);
  EXPECT_EQ(send("POST", std::string(kStaging) + "/1/explode", "csrf=" + csrf()).status, 404);
}

TEST_F(Handlers, who_is_not_signed_in_is_led_to_the_form_and_back) {
  make_router(false);
  net::Response r = send("GET", "/projects/hello-world?after=x");
  EXPECT_EQ(r.status, 303);
  EXPECT_THAT(location(r), HasSubstr("/login?next="));
  EXPECT_THAT(send("GET", location(r)).body, HasSubstr("value=\"&#x2f;projects&#x2f;hello-world?after=x\""));
  EXPECT_THAT(send("GET", "/login?next=//evil.example").body, Not(HasSubstr("evil")));
}

TEST_F(Handlers, somebody_who_may_only_look_sees_no_buttons_and_cannot_deploy) {
  make_router(false);
  config->access.anonymous = access::Role::viewer;
  std::string html = send("GET", "/projects/hello-world").body;
  EXPECT_THAT(html, AllOf(HasSubstr("needs the role deployer"), Not(HasSubstr(">Deploy<"))));
  EXPECT_EQ(send("POST", kStaging, "build=" + std::string(kSha)).status, 401);
}

TEST_F(Handlers, the_ledger_shows_what_called_the_hooks) {
  EXPECT_THAT(send("GET", "/deliveries").body, AllOf(HasSubstr("accepted"), HasSubstr("10.0.0.1")));
}

TEST_F(Handlers, what_was_sent_to_a_hook_is_for_deployers_as_in_the_api) {
  EXPECT_THAT(send("GET", "/deliveries").body, HasSubstr("<summary>body</summary>"));
  make_router(false);
  config->access.anonymous = access::Role::viewer;
  EXPECT_THAT(send("GET", "/deliveries").body,
              AllOf(HasSubstr("accepted"), Not(HasSubstr("<summary>body</summary>"))));
}

TEST_F(Handlers, hosts_that_asked_are_shown_and_run_again_by_those_who_may) {
  EXPECT_THAT(send("GET", "/instances").body, HasSubstr("No host has asked yet"));
  Delivery d{0, "instance", "1", now(), "10.0.0.1", "ci", "hello-world", "{}", "accepted", ""};
  run(store->accept_instance(d,
                             InstanceCall{{"hello-world", "staging"}, "i-1", "10.0.0.1", "hook ci", now()}))
      .value();
  EXPECT_THAT(
      send("GET", "/instances").body,
      AllOf(HasSubstr("i-1"), HasSubstr("asked, is gathered with others"), Not(HasSubstr("Run again"))));
  Instance i = *run(store->instance({"hello-world", "staging"}, "i-1"));
  i.result.answered = 1;
  i.result.state = InstanceState::failed;
  i.result.why = "<b>disk full</b>";
  run(store->record_instances({i}, {})).value();
  EXPECT_THAT(send("GET", "/instances?project=hello-world&environment=staging").body,
              AllOf(HasSubstr("&lt;b&gt;disk full"), HasSubstr("Run again")));
  EXPECT_THAT(send("GET", "/instances?project=other").body, HasSubstr("No host of it has asked yet"));
  EXPECT_EQ(send("POST", "/projects/hello-world/environments/staging/instances/run",
                 "instance_id=i-1&csrf=" + csrf())
                .status,
            303);
  EXPECT_EQ(run(store->instance({"hello-world", "staging"}, "i-1"))->asked, 2);
  EXPECT_EQ(send("POST", "/projects/hello-world/environments/staging/instances/run",
                 "instance_id=i-9&csrf=" + csrf())
                .status,
            404);
  make_router(false);
  config->access.anonymous = access::Role::viewer;
  EXPECT_THAT(send("GET", "/instances").body, Not(HasSubstr("Run again")));
}

TEST_F(Handlers, a_stranger_at_the_form_to_sign_in_is_told_no_names_of_files_and_hosts) {
  problems = {{ErrorCode::invalid, "projects/secret-plan/project.yaml:1", "not a mapping"}};
  EXPECT_THAT(send("GET", "/login").body, HasSubstr("secret-plan"));
  make_router(false);
  EXPECT_THAT(send("GET", "/login").body, Not(HasSubstr("secret-plan")));
}

TEST_F(Handlers, a_stream_sends_the_content_at_once_when_the_viewer_has_an_older_one) {
  net::Response r = send("GET", "/projects/hello-world/live");
  ASSERT_TRUE(r.stream);
  EXPECT_EQ(net::header(r.headers, "Content-Type"), "text/event-stream");
  auto listener = std::make_shared<Listener>();
  listener->leaves_after = 2;
  run_void(r.stream(listener));
  ASSERT_EQ(listener->heard.size(), 2u);
  EXPECT_THAT(listener->heard[1],
              AllOf(HasSubstr("event: main"), HasSubstr("id: " + feed.id(feed.version("hello-world"))),
                    HasSubstr("data: "), HasSubstr(csrf()), Not(HasSubstr("<main"))));
}

TEST_F(Handlers, a_stream_waits_for_a_change_and_follows_it) {
  const Target target{"hello-world", "staging"};
  net::Response r = send("GET", "/?since=");
  std::string since = feed.id(feed.version(""));
  r = send("GET", "/live", "", {{"Last-Event-ID", since}});
  auto listener = std::make_shared<Listener>();
  listener->leaves_after = 3;
  asio::co_spawn(loop, r.stream(listener), asio::detached);
  loop.restart();
  loop.run_for(milliseconds{100});
  EXPECT_EQ(listener->heard.size(), 1u) << "nothing but the greeting";
  for (int i = 0; i < 20; ++i) feed.changed(target);
  loop.run_for(milliseconds{150});
  EXPECT_EQ(listener->heard.size(), 2u) << "many changes are one fragment";
  feed.changed(target);
  loop.run_for(milliseconds{600});
  EXPECT_EQ(listener->heard.size(), 3u);
}

TEST_F(Handlers, a_stream_ends_when_the_configuration_changes_so_that_rights_are_read_anew) {
  net::Response r = send("GET", "/live");
  auto listener = std::make_shared<Listener>();
  auto ended = asio::co_spawn(loop, r.stream(listener), asio::use_future);
  loop.restart();
  loop.run_for(milliseconds{400});
  auto changed = std::make_shared<config::Config>(*config);
  changed->revision = "another";
  config = changed;
  feed.changed_all();
  loop.run_for(milliseconds{400});
  EXPECT_EQ(ended.wait_for(seconds{0}), std::future_status::ready);
}

}  // namespace
}  // namespace lemmy::web
