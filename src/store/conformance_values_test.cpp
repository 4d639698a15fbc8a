// Conformance: values of every kind come back as they were given.
#include <ctime>

#include "base/crypto.h"
#include "store/conformance.h"

namespace lemmy::store {
namespace {

constexpr const char* kTexts[] = {
    "",
    " ",
    "NULL",
    "{}",
    "{\"a\":\"b\\\\\"}",
    "'; --",
    "\\x41 \\N \\.",
    "\"quoted\", {braced}, (round)",
    "a\r\n\tb",
    "e\u0301 is not \u00e9",
    "\u202eright to left \u05d0\u05d1",
    "\U0001F469\u200D\U0001F680 \U0001F1EF\U0001F1F5",
};

TEST_P(StoreConformance, texts_that_mean_something_elsewhere_are_only_texts) {
  auto d = created();
  std::vector<DeployEvent> events;
  for (const char* text : kTexts) events.push_back(event(text));
  d.reason = d.note = kTexts[4];
  ASSERT_TRUE(run(store->update_deploy(d, events)));
  auto all = *run(store->deploy_events(d.target, 1, 0, 100));
  ASSERT_EQ(all.size(), std::size(kTexts) + 1);
  for (size_t i = 0; i < std::size(kTexts); ++i) EXPECT_EQ(all[i + 1].text, kTexts[i]);
  EXPECT_EQ(run(store->deploy(d.target, 1))->reason, kTexts[4]);
}

TEST_P(StoreConformance, the_fields_of_a_build_take_any_text) {
  int n = 0;
  for (const char* text : kTexts) {
    Build b = build(fmt::format("abcdef{:x}", n), ++n);
    b.branch = b.image = b.url = b.author = b.message = text;
    ASSERT_TRUE(run(store->accept(delivery(std::to_string(n)), b)));
    EXPECT_EQ(*run(store->build("hello", b.sha)), b) << text;
  }
}

TEST_P(StoreConformance, a_build_with_every_field_at_its_limit_survives) {
  Build b = build(std::string(40, 'a'), 1, std::string(40, 'p'));
  b.branch = std::string(255, 'b');
  b.image = std::string(512, 'i');
  b.url = "https://" + std::string(2040, 'u');
  b.author = std::string(255, 'A');
  for (int i = 0; i < 1024; ++i) b.message += "\U0001F680";
  ASSERT_TRUE(run(store->accept(delivery("1"), b)));
  EXPECT_EQ(*run(store->build(b.project, b.sha)), b);
}

TEST_P(StoreConformance, a_delivery_of_any_64_kib_survives) {
  Delivery d = delivery("big");
  d.body = random_bytes(64 << 10);
  auto accepted = run(store->accept(d, std::nullopt));
  ASSERT_TRUE(accepted) << accepted.error().str();
  EXPECT_EQ(run(store->deliveries({}))->items.at(0).body, d.body);
}

TEST_P(StoreConformance, a_delivery_without_anything_is_a_delivery) {
  Delivery d;
  d.hook = "build";
  d.id = "x";
  d.verdict = "refused";
  ASSERT_TRUE(run(store->accept(d, std::nullopt)));
  d.seq = run(store->deliveries({}))->items.at(0).seq;
  EXPECT_EQ(run(store->deliveries({}))->items.at(0), d);
}

TEST_P(StoreConformance, a_cause_with_long_logs_survives) {
  auto d = created();
  d.cause = Cause{};
  for (int i = 0; i < 2000; ++i) d.cause->log_tail += fmt::format("{}: grüße \"x\" \\ \n", i);
  d.cause->previous_log_tail = std::string(100'000, 'y');
  auto updated = run(store->update_deploy(d, {event(std::string(50'000, 'z'))}));
  ASSERT_TRUE(updated) << updated.error().str();
  EXPECT_EQ(run(store->deploy(d.target, 1))->cause, d.cause);
  EXPECT_EQ(run(store->deploy_events(d.target, 1, 0, 10))->at(1).text.size(), 50'000u);
}

TEST_P(StoreConformance, times_of_any_year_survive) {
  int n = 0;
  for (int64_t at : {1ll, 999ll, 1'790'000'000'123ll, 4'102'444'799'999ll, 253'402'300'799'999ll}) {
    Build b = build(fmt::format("abcdef{}", n++), at);
    ASSERT_TRUE(run(store->accept(delivery(std::to_string(at)), b)));
    EXPECT_EQ(run(store->build("hello", b.sha))->pushed_at, from_millis(at));
  }
  EXPECT_EQ(to_millis(run(store->builds("hello", {}))->items.front().pushed_at), 253'402'300'799'999);
}

TEST_P(StoreConformance, times_do_not_depend_on_the_time_zone) {
  auto d = deploy();
  d.created_at = d.phase_at = from_millis(1'790'000'000'123);
  d.finished_at = from_millis(1'774'746'000'000);  // in the hour that Europe skips
  Build b = build("abcdef0", 1'790'000'000'123);
  ::setenv("TZ", "Pacific/Kiritimati", 1);
  ::tzset();
  ASSERT_TRUE(run(store->accept(delivery("1"), b)));
  ASSERT_TRUE(run(store->create_deploy(d, event("x"))));
  ask("i-1", 1'790'000'000'123);
  ::setenv("TZ", "America/St_Johns", 1);
  ::tzset();
  EXPECT_EQ(run(store->build("hello", "abcdef0"))->pushed_at, b.pushed_at);
  EXPECT_EQ(run(store->deploy(d.target, 1))->created_at, d.created_at);
  EXPECT_EQ(run(store->deploy(d.target, 1))->finished_at, d.finished_at);
  EXPECT_EQ(instance_of("i-1").asked_at, b.pushed_at);
  ::unsetenv("TZ");
  ::tzset();
}

TEST_P(StoreConformance, big_numbers_are_exact) {
  constexpr int64_t kBig = (1ll << 53) + 1;
  auto lease = run(store->swap_lease({"conductor", "a", kBig, 0}));
  ASSERT_TRUE(lease);
  EXPECT_EQ(run(store->lease("conductor"))->token, kBig);
  auto d = created();
  d.rollback_of = kBig;
  ASSERT_TRUE(run(store->update_deploy(d, {}, Fence{"conductor", kBig})));
  EXPECT_EQ(run(store->deploy(d.target, 1))->rollback_of, kBig);
  d.revision = 2;
  EXPECT_EQ(run(store->update_deploy(d, {}, Fence{"conductor", kBig - 1})).error().code,
            ErrorCode::forbidden);
}

TEST_P(StoreConformance, documents_of_any_size_and_kind_survive) {
  auto d = created();
  for (size_t size : {1u, 63u, 1500u, 65'536u, 1'000'000u, 1'048'577u, 5'000'000u})
    for (const std::string& text : {std::string(size, '\0'), random_bytes(size)}) {
      ASSERT_TRUE(run(store->put_document(d.target, 1, "log", text))) << size;
      EXPECT_TRUE(*run(store->document(d.target, 1, "log")) == text) << size;
    }
}

TEST_P(StoreConformance, an_instance_id_of_128_characters_with_every_sign_survives) {
  std::string id = "arn:aws/i-0a.b_c:";
  id += std::string(128 - id.size(), 'z');
  ask(id, 5);
  EXPECT_EQ(instance_of(id).id, id);
  EXPECT_EQ(run(store->instances("hello", "staging", {}))->items.at(0).id, id);
}

TEST_P(StoreConformance, projects_sort_by_their_bytes) {
  int n = 0;
  for (const char* p : {"b", "a-b", "ab", "a", "a1", "z"}) push("abcdef0", ++n, p);
  EXPECT_EQ(*run(store->projects_with_builds()),
            (std::vector<std::string>{"a", "a-b", "a1", "ab", "b", "z"}));
}

TEST_P(StoreConformance, many_events_of_one_write_keep_their_order) {
  auto d = created();
  std::vector<DeployEvent> events;
  for (int i = 0; i < 20; ++i) events.push_back(event(std::to_string(i)));
  ASSERT_TRUE(run(store->update_deploy(d, events)));
  auto all = *run(store->deploy_events(d.target, 1, 0, 1000));
  ASSERT_EQ(all.size(), 21u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(all[i + 1].text, std::to_string(i));
}

TEST_P(StoreConformance, a_build_without_a_first_time_has_that_of_its_announcement) {
  Build b = build("abcdef0", 7);
  b.first_pushed_at = {};
  ASSERT_TRUE(run(store->accept(delivery("1"), b)));
  EXPECT_EQ(run(store->build("hello", "abcdef0"))->first_pushed_at, from_millis(7));
}

TEST_P(StoreConformance, events_are_those_of_one_deploy_and_after_the_last_there_are_none) {
  auto one = created(), two = created();
  ASSERT_TRUE(run(store->update_deploy(two, {event("of two")})));
  auto all = *run(store->deploy_events(one.target, 1, 0, 100));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].number, 1);
  EXPECT_TRUE(run(store->deploy_events(one.target, 1, all[0].seq, 100))->empty());
  EXPECT_TRUE(run(store->deploy_events({"hello", "nowhere"}, 1, 0, 100))->empty());
}

}  // namespace
}  // namespace lemmy::store
