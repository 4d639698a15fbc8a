#include "hooks/hooks.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "base/crypto.h"
#include "hooks/build_call.h"
#include "store/forwarding.h"

namespace lemmy::hooks {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kSecret = "0123456789abcdef0123";
constexpr const char* kBody = R"({"project":"hello","sha":"0123abcdef","branch":"main"})";

struct Hooks : testing::Test {
  Hooks() {
    std::filesystem::create_directory(dir);
    auto opened = store::open_sqlite(loop.get_executor(), (dir / "lemmy.db").string());
    EXPECT_TRUE(opened) << opened.error().str();
    store = std::move(*opened);
    config->has_access = true;
    config->projects["hello"].name = "hello";
    config->projects["other"].name = "other";
    keys->keys = {{"ci", kSecret, "", {}}, {"narrow", "", sha256_hex("lmy_narrow"), {"hello"}}};
  }
  ~Hooks() override {
    store.reset();
    std::error_code ec;
    std::filesystem::remove_all(dir, ec);
  }
  route::Router make(bool open = false) {
    config->has_access = !open;
    auto current = [this] { return std::shared_ptr<const config::Config>(config); };
    route::Router router({std::string(32, 'k'), open, current, {}});
    live::Services services;
    services.loop = loop.get_executor();
    services.store = store.get();
    services.feed = &feed;
    services.config = current;
    add_routes(router, services, {[this] { return std::shared_ptr<const access::HookKeys>(keys); }, open});
    return router;
  }
  net::Response send(route::Router& router, std::string body, net::Headers headers = {}) {
    net::Request r;
    r.method = "POST";
    r.target = r.path = "/hooks/build";
    r.remote = "192.0.2.7";
    r.headers = std::move(headers);
    r.headers.emplace("Host", "localhost");
    r.body = std::move(body);
    return run(router.handle(std::move(r)));
  }
  net::Response send_signed(route::Router& router, const std::string& body, net::Headers headers = {}) {
    headers.emplace("X-Lemmy-Signature", access::sign_hook(kSecret, body));
    return send(router, body, headers);
  }
  template <class T>
  T run(Task<T> task) {
    auto future = asio::co_spawn(loop, std::move(task), asio::use_future);
    loop.restart();
    loop.run();
    return future.get();
  }
  std::vector<Delivery> ledger() { return run(store->deliveries({100, ""}))->items; }
  std::vector<Build> builds(std::string project) { return run(store->builds(project, {100, ""}))->items; }

  asio::io_context loop;
  std::filesystem::path dir = std::filesystem::temp_directory_path() / ("lemmy-hooks-" + random_hex(6));
  std::unique_ptr<store::Store> store;
  live::Feed feed;
  std::shared_ptr<config::Config> config = std::make_shared<config::Config>();
  std::shared_ptr<access::HookKeys> keys = std::make_shared<access::HookKeys>();
};

TEST_F(Hooks, a_signed_build_is_kept_and_shown_to_those_who_watch) {
  auto router = make();
  const uint64_t before = feed.version("hello");
  auto r = send_signed(router, kBody);
  EXPECT_EQ(r.status, 202) << r.body;
  EXPECT_THAT(r.body, HasSubstr(R"("duplicate":false)"));
  ASSERT_EQ(builds("hello").size(), 1u);
  EXPECT_EQ(builds("hello")[0].branch, "main");
  ASSERT_EQ(ledger().size(), 1u);
  EXPECT_EQ(ledger()[0].verdict, "accepted");
  EXPECT_EQ(ledger()[0].caller, "ci");
  EXPECT_GT(feed.version("hello"), before);
}

TEST_F(Hooks, the_same_call_again_is_answered_alike_and_kept_once) {
  auto router = make();
  send_signed(router, kBody);
  auto r = send_signed(router, kBody);
  EXPECT_EQ(r.status, 202);
  EXPECT_THAT(r.body, HasSubstr(R"("duplicate":true)"));
  EXPECT_EQ(ledger().size(), 1u);
}

TEST_F(Hooks, the_answer_is_what_is_kept_also_when_an_older_call_comes_late) {
  auto router = make();
  auto call = [&](std::string_view more) {
    return send_signed(router,
                       fmt::format(R"({{"project":"hello","sha":"0123abc","branch":"main",{}}})", more));
  };
  EXPECT_EQ(call(R"("image":"r/new","timestamp":1700000100)").status, 202);
  for (const char* duplicate : {"false", "true"}) {
    auto r = call(R"("image":"r/old","author":"Ada","timestamp":1700000000)");
    EXPECT_EQ(r.status, 202) << r.body;
    EXPECT_THAT(r.body, AllOf(HasSubstr("r/new"), HasSubstr("Ada"), Not(HasSubstr("r/old"))));
    EXPECT_THAT(r.body, HasSubstr(std::string(R"("duplicate":)") + duplicate));
    EXPECT_THAT(r.body, Not(HasSubstr("dated")));
  }
  EXPECT_EQ(builds("hello")[0].image, "r/new");
  EXPECT_EQ(to_millis(builds("hello")[0].pushed_at), 1'700'000'100'000);
  EXPECT_THAT(call(R"("image":"r/again")").body, HasSubstr("r/again"));
  EXPECT_EQ(builds("hello")[0].image, "r/again");
}

TEST_F(Hooks, an_id_that_stood_for_another_body_is_a_conflict_and_loses_nothing_silently) {
  auto router = make();
  send_signed(router, kBody, {{"X-Lemmy-Delivery", "7"}});
  auto r = send_signed(router, R"({"project":"hello","sha":"fedcba9","branch":"main"})",
                       {{"X-Lemmy-Delivery", "7"}});
  EXPECT_EQ(r.status, 409);
  EXPECT_THAT(r.body, HasSubstr("X-Lemmy-Delivery"));
}

TEST_F(Hooks, two_callers_may_use_the_same_id) {
  auto router = make();
  EXPECT_EQ(send_signed(router, kBody, {{"X-Lemmy-Delivery", "7"}}).status, 202);
  auto r = send(router, R"({"project":"hello","sha":"fedcba9","branch":"main"})",
                {{"X-Lemmy-Delivery", "7"}, {"Authorization", "Bearer lmy_narrow"}});
  EXPECT_EQ(r.status, 202);
  EXPECT_EQ(builds("hello").size(), 2u);
}

TEST_F(Hooks, a_wrong_signature_is_recorded_without_the_body_and_uses_up_no_id) {
  auto router = make();
  auto r = send(router, kBody,
                {{"X-Lemmy-Delivery", "9"}, {"X-Lemmy-Signature", access::sign_hook("wrong", kBody)}});
  EXPECT_EQ(r.status, 401);
  ASSERT_EQ(ledger().size(), 1u);
  EXPECT_EQ(ledger()[0].verdict, "refused");
  EXPECT_EQ(ledger()[0].body, "");
  EXPECT_EQ(ledger()[0].from, "192.0.2.7");
  EXPECT_EQ(send_signed(router, kBody, {{"X-Lemmy-Delivery", "9"}}).status, 202);
  EXPECT_EQ(builds("hello").size(), 1u);
}

TEST_F(Hooks, an_old_signed_call_cannot_be_replayed) {
  auto router = make();
  const std::string at = std::to_string(to_millis(now()) / 1000 - 600);
  auto r = send(router, kBody,
                {{"X-Lemmy-Timestamp", at}, {"X-Lemmy-Signature", access::sign_hook(kSecret, kBody, at)}});
  EXPECT_EQ(r.status, 401);
  EXPECT_TRUE(builds("hello").empty());
}

TEST_F(Hooks, an_unknown_project_is_kept_and_said) {
  auto router = make();
  auto r = send_signed(router, R"({"project":"new-one","sha":"0123abc","branch":"main"})");
  EXPECT_EQ(r.status, 202);
  EXPECT_THAT(r.body, HasSubstr(R"("known":false)"));
  EXPECT_EQ(ledger()[0].verdict, "unknown_project");
  EXPECT_EQ(builds("new-one").size(), 1u);
}

TEST_F(Hooks, a_caller_for_one_project_is_refused_for_another) {
  auto router = make();
  auto r = send(router, R"({"project":"other","sha":"0123abc","branch":"main"})",
                {{"Authorization", "Bearer lmy_narrow"}});
  EXPECT_EQ(r.status, 403);
  EXPECT_EQ(ledger()[0].project, "other");
  EXPECT_TRUE(builds("other").empty());
}

TEST_F(Hooks, malformed_calls_name_the_field_and_are_in_the_ledger) {
  auto router = make();
  struct Case {
    const char *body, *where;
  };
  for (const Case& c :
       {Case{R"({"project":"hello","sha":"HEAD","branch":"main"})", "sha"},
        Case{R"({"project":"Hello","sha":"0123abc","branch":"main"})", "project"},
        Case{R"({"project":"hello","sha":"0000000000000000000000000000000000000000","branch":"main"})",
             "sha"},
        Case{R"({"project":"hello","sha":"0123abc"})", "branch"},
        Case{R"({"project":"hello","sha":1234567,"branch":"main"})", "sha"},
        Case{R"({"project":"hello","sha":"0123abc","branch":"main","url":"javascript:1"})", "url"},
        Case{R"({"project":)", "body"}, Case{R"([1])", "body"}, Case{"", "project"}}) {
    auto r = send_signed(router, c.body);
    EXPECT_EQ(r.status, 422) << c.body;
    EXPECT_THAT(r.body, HasSubstr(c.where)) << c.body;
    EXPECT_EQ(ledger()[0].verdict, "refused") << c.body;
    EXPECT_EQ(ledger()[0].body, c.body);
  }
  EXPECT_TRUE(builds("hello").empty());
}

TEST_F(Hooks, a_form_is_as_good_as_json) {
  auto router = make();
  auto r = send_signed(router, "project=hello&sha=0123abc&branch=refs%2Fheads%2Ffix",
                       {{"Content-Type", "application/x-www-form-urlencoded"}});
  EXPECT_EQ(r.status, 202) << r.body;
  EXPECT_EQ(builds("hello")[0].branch, "fix");
  r = send_signed(router, "project=hello&sha=0123abd&branch=main",
                  {{"Content-Type", "Application/X-WWW-Form-URLEncoded; charset=UTF-8"}});
  EXPECT_EQ(r.status, 202) << r.body;
}

TEST_F(Hooks, bodies_of_other_kinds_are_told_what_to_be) {
  auto router = make();
  auto r = send_signed(router, "--x\r\n", {{"Content-Type", "multipart/form-data; boundary=x"}});
  EXPECT_EQ(r.status, 422);
  EXPECT_THAT(r.body, AllOf(HasSubstr("multipart/form-data is not taken"), HasSubstr("curl -d")));
  r = send_signed(router, "\x1f\x8b", {{"Content-Encoding", "gzip"}});
  EXPECT_EQ(r.status, 422);
  EXPECT_THAT(r.body, HasSubstr("send it as it is"));
  EXPECT_TRUE(builds("hello").empty());
}

TEST_F(Hooks, too_many_calls_of_one_address_are_told_to_wait_and_fill_no_disk) {
  config->access.hooks_per_minute = 3;
  auto router = make();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send(router, "x").status, 401);
  auto r = send(router, "x");
  EXPECT_EQ(r.status, 429);
  EXPECT_TRUE(r.headers.contains("Retry-After"));
  EXPECT_EQ(ledger().size(), 3u);
  // Whoever proves itself has as many of its own.
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(send_signed(router, R"({"project":"hello","sha":"0123abc)" + std::to_string(i) +
                                      R"(","branch":"main"})")
                  .status,
              202);
  EXPECT_EQ(send_signed(router, R"({"project":"hello","sha":"0123abc9","branch":"main"})").status, 429);
  EXPECT_EQ(send(router, "x").status, 429);
}

TEST_F(Hooks, without_access_a_browser_of_another_site_is_refused) {
  auto router = make(true);
  EXPECT_EQ(send(router, kBody).status, 202);
  EXPECT_EQ(send(router, kBody, {{"Origin", "https://evil.example"}}).status, 403);
  EXPECT_EQ(send(router, kBody, {{"Sec-Fetch-Site", "cross-site"}}).status, 403);
}

TEST_F(Hooks, a_store_that_is_down_says_when_to_come_again) {
  struct Down : store::Forwarding {
    using Forwarding::Forwarding;
    Task<Result<store::Accepted>> accept(Delivery, std::optional<Build>) override {
      co_return fail(ErrorCode::unavailable, "/var/lib/lemmy/lemmy.db", "the disk is full");
    }
  };
  store = std::make_unique<Down>(std::move(store));
  auto router = make();
  auto r = send_signed(router, kBody);
  EXPECT_EQ(r.status, 503);
  EXPECT_EQ(net::header(r.headers, "Retry-After"), "5");
  EXPECT_EQ(r.headers.count("Retry-After"), 1u);
  EXPECT_THAT(r.body, HasSubstr("the disk is full"));
  EXPECT_THAT(r.body, Not(HasSubstr("lemmy.db"))) << "where it is is nothing for callers";
}

TEST(BuildCall, a_time_of_the_future_counts_as_now) {
  const Time at = now();
  json::object o{
      {"project", "p"}, {"sha", "0123abc"}, {"branch", "main"}, {"timestamp", "2999-01-01T00:00:00Z"}};
  EXPECT_EQ(read_build(o, at)->pushed_at, at);
  EXPECT_FALSE(read_build(o, at)->dated) << "what it is worth is the time of its receipt";
  o["timestamp"] = "1700000000";
  EXPECT_EQ(to_millis(read_build(o, at)->pushed_at), 1'700'000'000'000);
  EXPECT_TRUE(read_build(o, at)->dated);
  o["timestamp"] = " ";
  EXPECT_EQ(read_build(o, at)->pushed_at, at);
  EXPECT_FALSE(read_build(o, at)->dated);
  o["timestamp"] = "yesterday";
  EXPECT_EQ(read_build(o, at).error().where, "timestamp");
}

}  // namespace
}  // namespace lemmy::hooks
