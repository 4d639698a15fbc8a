#include "access/hook.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "access/rate.h"
#include "base/crypto.h"
#include "base/files.h"

namespace lemmy::access {
namespace {

const Time kHookNow = from_millis(1'700'000'000'000);
const std::string kSecret = "0123456789abcdef0123", kBody = R"({"project": "hello"})";

std::vector<HookKey> keys() {
  return {{"other", "another secret of 20", "", {}},
          {"jenkins", kSecret, "", {"hello"}},
          {"bot", "", sha256_hex("a-token"), {}}};
}
Result<HookCaller> verify(HookRequest r, Time at = kHookNow) { return verify_hook(keys(), r, at); }

TEST(Hooks, a_signature_names_its_hook) {
  // The expected value comes from: openssl dgst -sha256 -hmac KEY
  auto caller = verify({kBody, sign_hook(kSecret, kBody)});
  ASSERT_TRUE(caller) << caller.error().str();
  EXPECT_EQ(caller->name, "jenkins");
  EXPECT_TRUE(caller->may_touch("hello"));
  EXPECT_FALSE(caller->may_touch("other"));
  EXPECT_EQ(sign_hook(kSecret, kBody),
            "sha256=ad961d70ad1a38a20f92053546666f600326cd68e100d69f1b39186a956ce6be");
}

TEST(Hooks, a_changed_body_or_signature_is_refused_without_saying_what_is_right) {
  std::string right = sign_hook(kSecret, kBody);
  std::string wrong = right;
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  const std::string bare = right.substr(7);
  for (auto& r : {HookRequest{kBody, wrong}, HookRequest{"{}", right}, HookRequest{kBody, bare},
                  HookRequest{kBody, "sha1=00"}, HookRequest{kBody, "sha256="}}) {
    auto v = verify(r);
    ASSERT_FALSE(v);
    EXPECT_EQ(v.error().code, ErrorCode::unauthorized);
    EXPECT_EQ(v.error().str().find(bare.substr(0, 16)), std::string::npos);
  }
  EXPECT_EQ(verify({kBody}).error().what, "the call is neither signed nor has it a token");
}

TEST(Hooks, a_time_stamp_is_signed_too_and_bars_replay) {
  std::string at = "1700000000", signature = sign_hook(kSecret, kBody, at);
  EXPECT_TRUE(verify({kBody, signature, at}));
  EXPECT_TRUE(verify({kBody, signature, at}, kHookNow + seconds{300}));
  EXPECT_TRUE(verify({kBody, signature, at}, kHookNow - seconds{300}));
  EXPECT_FALSE(verify({kBody, signature, at}, kHookNow + seconds{301}));
  EXPECT_FALSE(verify({kBody, signature, at}, kHookNow - seconds{301}));
  EXPECT_FALSE(verify({kBody, signature, "1700000001"})) << "another time";
  EXPECT_FALSE(verify({kBody, signature})) << "the time was taken away";
  EXPECT_FALSE(verify({kBody, sign_hook(kSecret, kBody), at})) << "a time was added";
  EXPECT_EQ(verify({kBody, sign_hook(kSecret, kBody, "soon"), "soon"}).error().what,
            "X-Lemmy-Timestamp is not a time");
}

TEST(Hooks, a_whole_signature_is_good_for_this_call_only) {
  const std::string at = "1700000000", sent = sign_hook_call(kSecret, kBody, at, "d-1", "/hooks/build");
  auto with = [&](auto change) {
    HookRequest r{kBody, sent, at, "", "d-1", "/hooks/build", false};
    change(r);
    return verify(r);
  };
  EXPECT_TRUE(with([](HookRequest&) {}));
  EXPECT_FALSE(with([](HookRequest& r) { r.delivery = "d-2"; }));
  EXPECT_FALSE(with([](HookRequest& r) { r.path = "/hooks/instance"; }));
  EXPECT_FALSE(with([](HookRequest& r) { r.body = "{}"; }));
  EXPECT_FALSE(with([](HookRequest& r) { r.timestamp = "1700000001"; }));
  EXPECT_EQ(with([](HookRequest& r) { r.delivery = ""; }).error().hint, "send both");
  EXPECT_EQ(with([](HookRequest& r) { r.has_query = true; }).error().hint, "send them in the body");
}

TEST(Hooks, no_signature_covers_a_query) {
  const std::string sent = sign_hook(kSecret, "");
  HookRequest r{"", sent, "", "", "", "/hooks/instance", true};
  EXPECT_FALSE(verify(r));
  r.has_query = false;
  EXPECT_TRUE(verify(r));
}

TEST(Hooks, may_take_nothing_less_than_it_says) {
  const std::string at = "1700000000";
  const std::string plain = sign_hook(kSecret, kBody), timed = sign_hook(kSecret, kBody, at),
                    whole = sign_hook_call(kSecret, kBody, at, "d-1", "/hooks/build");
  const HookRequest by_body{kBody, plain, ""}, by_time{kBody, timed, at},
      by_all{kBody, whole, at, "", "d-1", "/hooks/build"};
  std::vector<HookKey> ci{{"ci", kSecret, "", {}}};
  auto taken = [&](config::Signs least) {
    ci[0].sign = least;
    std::string out;
    for (const HookRequest* r : {&by_body, &by_time, &by_all})
      out += verify_hook(ci, *r, kHookNow) ? '+' : '-';
    return out;
  };
  EXPECT_EQ(taken(config::Signs::body), "+++");
  EXPECT_EQ(taken(config::Signs::timestamp), "-++");
  EXPECT_EQ(taken(config::Signs::all), "--+");
}

TEST(Hooks, a_bearer_token_fits_only_hooks_that_have_one) {
  EXPECT_EQ(verify({kBody, "", "", "Bearer a-token"})->name, "bot");
  EXPECT_FALSE(verify({kBody, "", "", "Bearer another"}));
  EXPECT_FALSE(verify({kBody, "", "", "Bearer " + kSecret}));
  EXPECT_FALSE(verify({kBody, "sha256=" + std::string(64, '0'), "", "Bearer a-token"}))
      << "a wrong signature is not made good by a token";
  EXPECT_FALSE(verify_hook({}, {kBody, sign_hook("", kBody)}, kHookNow)) << "no hooks: nobody may call";
}

TEST(Hooks, secrets_come_from_files_and_the_environment_and_one_that_is_missing_spoils_only_itself) {
  auto file = std::filesystem::temp_directory_path() / ("lemmy-secret-" + random_hex(6));
  ASSERT_TRUE(write_file(file, kSecret + "\n", 0600));
  config::Access a;
  a.hooks = {{"file", file.string()}, {"env", "", "SECRET"},  {"token", "", "", sha256_hex("t")},
             {"gone", "/no/such"},    {"unset", "", "UNSET"}, {"weak", "", "WEAK"}};
  HookKeys keys = read_hook_keys(a, [](const char* name) -> const char* {
    std::string n = name;
    return n == "SECRET" ? "0123456789abcdef" : n == "WEAK" ? "weak" : nullptr;
  });
  std::filesystem::remove(file);
  ASSERT_EQ(keys.keys.size(), 3u);
  EXPECT_EQ(keys.keys[0].secret, kSecret);
  EXPECT_EQ(keys.keys[1].secret, "0123456789abcdef");
  ASSERT_EQ(keys.problems.size(), 3u);
  EXPECT_EQ(keys.problems[0].where, "access.yaml hooks.gone");
  EXPECT_EQ(keys.problems[1].what, "the environment variable UNSET is not set");
  EXPECT_EQ(keys.problems[2].what, "its secret is too short");
}

TEST(Hooks, a_secret_that_cannot_be_read_is_kept_from_the_same_file_for_a_while) {
  config::Access a;
  a.hooks = {{"ci", "/secret", "", "", {"web"}}, {"moved", "/elsewhere"}, {"bot", "", "", sha256_hex("t")}};
  HookKeys before;
  before.keys = {{"ci", kSecret, "", {}, "/secret"},
                 {"moved", kSecret, "", {}, "/before"},
                 {"removed", kSecret, "", {}, "/secret"}};
  const std::chrono::steady_clock::time_point at{};
  keep_secrets(before, {}, a, seconds{30}, at);
  for (int after : {30, 31}) {
    HookKeys now = read_hook_keys(a, {}, [](const std::string& file) -> Result<std::string> {
      return fail(ErrorCode::not_found, file, "gone");
    });
    ASSERT_EQ(now.keys.size(), 1u);
    keep_secrets(now, before, a, seconds{30}, at + seconds{after});
    ASSERT_EQ(now.keys.size(), after == 30 ? 2u : 1u);
    EXPECT_EQ(now.problems.size(), 2u);
    if (after != 30) continue;
    EXPECT_EQ(now.keys[1].name, "ci");
    EXPECT_EQ(now.keys[1].projects, (std::vector<std::string>{"web"}));
    EXPECT_EQ(now.keys[1].read_at, at) << "it does not get younger by being kept";
  }
}

TEST(Rates, tries_are_refilled_evenly_and_each_key_has_its_own) {
  RateLimiter limiter(10);
  RateLimiter::Clock::time_point t{};
  for (int i = 0; i < 10; ++i) EXPECT_EQ(limiter.wait("a", t).count(), 0);
  EXPECT_EQ(limiter.wait("a", t), seconds{6});
  EXPECT_EQ(limiter.wait("b", t).count(), 0);
  EXPECT_EQ(limiter.wait("a", t + seconds{5}), seconds{1});
  EXPECT_EQ(limiter.wait("a", t + seconds{6}).count(), 0);
  EXPECT_GT(limiter.wait("a", t + seconds{6}).count(), 0);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(limiter.wait("a", t + std::chrono::hours{1}).count(), 0);
  EXPECT_GT(limiter.wait("a", t + std::chrono::hours{1}).count(), 0) << "no more than a minute is saved up";
  EXPECT_GT(limiter.wait("a", t).count(), 0) << "a clock that goes back gives nothing";
}

TEST(Rates, another_limit_counts_at_once_and_the_same_one_forgets_nothing) {
  RateLimiter limiter(2);
  RateLimiter::Clock::time_point t{};
  for (int i = 0; i < 2; ++i) EXPECT_EQ(limiter.wait("a", t).count(), 0);
  limiter.limit(2);
  EXPECT_GT(limiter.wait("a", t).count(), 0);
  limiter.limit(3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.wait("a", t).count(), 0);
  EXPECT_GT(limiter.wait("a", t).count(), 0);
}

TEST(Rates, only_so_many_keys_are_kept) {
  RateLimiter limiter(1, 3);
  RateLimiter::Clock::time_point t{};
  for (const char* key : {"a", "b", "c"}) limiter.wait(key, t);
  EXPECT_GT(limiter.wait("a", t).count(), 0);
  limiter.wait("d", t);  // drops b, which was used longest ago
  EXPECT_EQ(limiter.size(), 3u);
  EXPECT_GT(limiter.wait("a", t).count(), 0);
  EXPECT_EQ(limiter.wait("b", t).count(), 0);
}

}  // namespace
}  // namespace lemmy::access
