// Conformance: what a policy lets go.
#include "base/crypto.h"
#include "store/conformance.h"

namespace lemmy::store {
namespace {

const Target kTarget{"hello", "staging"};

TEST_P(StoreConformance, a_settled_deploy_goes_with_its_events_and_documents) {
  auto d = created();
  auto other = created();
  d.phase = Phase::cancelled;
  d = *run(store->update_deploy(d, {event("a"), event("b")}));
  for (const Target& t : {kTarget, Target{"hello", "staging-2"}})
    for (int64_t number : {1, 2, 11}) ASSERT_TRUE(run(store->put_document(t, number, "final", "{}")));
  ASSERT_TRUE(run(store->put_document(kTarget, 1, "log", random_bytes(2 << 20))));
  ASSERT_TRUE(run(store->put_document(kTarget, 1, "log-1/x y", "odd name")));
  EXPECT_EQ(*run(store->document_names(kTarget, 1)), (std::vector<std::string>{"final", "log", "log-1/x y"}));
  auto gone = run(store->forget_deploy(kTarget, 1, d.revision, {}));
  ASSERT_TRUE(gone) << gone.error().str();
  EXPECT_EQ(run(store->deploy(kTarget, 1)).error().code, ErrorCode::not_found);
  EXPECT_TRUE(run(store->deploy_events(kTarget, 1, 0, 100))->empty());
  EXPECT_TRUE(run(store->document_names(kTarget, 1))->empty());
  EXPECT_EQ(run(store->document(kTarget, 1, "log")).error().code, ErrorCode::not_found);
  // And nothing else.
  EXPECT_EQ(*run(store->deploy(kTarget, 2)), other);
  EXPECT_EQ(run(store->deploy_events(kTarget, 2, 0, 100))->size(), 1u);
  EXPECT_EQ(*run(store->document(kTarget, 2, "final")), "{}");
  EXPECT_EQ(*run(store->document(kTarget, 11, "final")), "{}");
  EXPECT_EQ(*run(store->document({"hello", "staging-2"}, 1, "final")), "{}");
  EXPECT_TRUE(run(store->forget_deploy(kTarget, 1, d.revision, {})));
  EXPECT_TRUE(run(store->forget_deploy(kTarget, 77, 1, {})));
}

TEST_P(StoreConformance, a_deploy_that_is_not_over_is_not_forgotten) {
  auto queued = created();
  EXPECT_EQ(run(store->forget_deploy(kTarget, 1, 1, {})).error().code, ErrorCode::conflict);
  queued.phase = Phase::live;
  queued.presence = Presence::running;
  auto running = *run(store->update_deploy(queued, {}));
  EXPECT_EQ(run(store->forget_deploy(kTarget, 1, 2, {})).error().code, ErrorCode::conflict);
  EXPECT_EQ(*run(store->deploy(kTarget, 1)), running);
  EXPECT_EQ(run(store->deploy_events(kTarget, 1, 0, 100))->size(), 1u);
}

TEST_P(StoreConformance, a_deploy_that_was_written_meanwhile_is_not_forgotten) {
  auto d = created();
  d.phase = Phase::cancelled;
  d = *run(store->update_deploy(d, {}));
  EXPECT_EQ(run(store->forget_deploy(kTarget, 1, 1, {})).error().code, ErrorCode::conflict);
  EXPECT_EQ(*run(store->deploy(kTarget, 1)), d);
}

TEST_P(StoreConformance, who_lost_the_lease_forgets_nothing) {
  auto d = created();
  d.phase = Phase::cancelled;
  d = *run(store->update_deploy(d, {}));
  push("abcdef0", 1);
  ASSERT_TRUE(run(store->swap_lease({"conductor", "me", 1, 0})));
  ASSERT_TRUE(run(store->swap_lease({"conductor", "other", 2, 1})));
  const Fence lost{"conductor", 1}, mine{"conductor", 2};
  EXPECT_EQ(run(store->forget_deploy(kTarget, 1, d.revision, lost)).error().code, ErrorCode::forbidden);
  EXPECT_EQ(run(store->forget_builds("hello", {"abcdef0"}, lost)).error().code, ErrorCode::forbidden);
  EXPECT_EQ(run(store->forget_deliveries(from_millis(5'000), 10, lost)).error().code, ErrorCode::forbidden);
  EXPECT_TRUE(run(store->deploy(kTarget, 1)));
  EXPECT_TRUE(run(store->build("hello", "abcdef0")));
  EXPECT_EQ(run(store->deliveries({}))->items.size(), 1u);
  EXPECT_TRUE(run(store->forget_deploy(kTarget, 1, d.revision, mine)));
  EXPECT_EQ(*run(store->forget_builds("hello", {"abcdef0"}, mine)), 1);
  EXPECT_EQ(*run(store->forget_deliveries(from_millis(5'000), 10, mine)), 1);
  EXPECT_FALSE(run(store->deploy(kTarget, 1)));
  EXPECT_FALSE(run(store->build("hello", "abcdef0")));
  EXPECT_TRUE(run(store->deliveries({}))->items.empty());
}

TEST_P(StoreConformance, the_number_of_a_forgotten_deploy_is_never_given_again) {
  auto d = deploy();
  d.request_id = "click";
  auto first = *run(store->create_deploy(d, event("a")));
  first.phase = Phase::cancelled;
  first = *run(store->update_deploy(first, {}));
  ASSERT_TRUE(run(store->forget_deploy(kTarget, 1, first.revision, {})));
  // A request that is asked again after so long is another one.
  auto again = run(store->create_deploy(d, event("b")));
  ASSERT_TRUE(again) << again.error().str();
  EXPECT_EQ(again->number, 2);
  EXPECT_EQ(run(store->deploy_events(kTarget, 2, 0, 100))->size(), 1u);
}

TEST_P(StoreConformance, lists_go_on_across_what_was_forgotten) {
  for (int i = 1; i <= 7; ++i) {
    auto d = created();
    d.phase = Phase::cancelled;
    d = *run(store->update_deploy(d, {}));
    push(fmt::format("abcdef{:02}", i), i);
    if (i >= 3 && i <= 5) {
      ASSERT_TRUE(run(store->forget_deploy(kTarget, i, d.revision, {})));
      ASSERT_EQ(*run(store->forget_builds("hello", {fmt::format("abcdef{:02}", i)}, {})), 1);
    }
  }
  std::vector<int64_t> numbers;
  Page page{2, ""};
  do {
    auto l = run(store->deploys(kTarget, page));
    ASSERT_TRUE(l) << l.error().str();
    for (auto& d : l->items) numbers.push_back(d.number);
    page.after = l->next;
  } while (!page.after.empty());
  EXPECT_EQ(numbers, (std::vector<int64_t>{7, 6, 2, 1}));
  std::vector<std::string> shas;
  page = {2, ""};
  do {
    auto l = run(store->builds("hello", page));
    ASSERT_TRUE(l) << l.error().str();
    for (auto& b : l->items) shas.push_back(b.sha);
    page.after = l->next;
  } while (!page.after.empty());
  EXPECT_EQ(shas, (std::vector<std::string>{"abcdef07", "abcdef06", "abcdef02", "abcdef01"}));
  EXPECT_EQ(run(store->latest_deploys())->at(0).number, 7);
}

TEST_P(StoreConformance, builds_are_forgotten_by_their_full_sha) {
  for (int i = 0; i < 45; ++i) push(fmt::format("abcdef{:02}", i), i);
  push("abcdef00", 1, "other");
  std::vector<std::string> shas{"abcdef0", "fffffff"};
  for (int i = 0; i < 43; ++i) shas.push_back(fmt::format("abcdef{:02}", i));
  auto gone = run(store->forget_builds("hello", shas, {}));
  ASSERT_TRUE(gone) << gone.error().str();
  EXPECT_EQ(*gone, 43);
  EXPECT_EQ(*run(store->forget_builds("hello", shas, {})), 0);
  EXPECT_EQ(*run(store->forget_builds("hello", {}, {})), 0);
  EXPECT_EQ(run(store->builds("hello", {}))->items.size(), 2u);
  EXPECT_EQ(run(store->build("hello", "abcdef00")).error().code, ErrorCode::not_found);
  EXPECT_TRUE(run(store->build("other", "abcdef00")));
  push("abcdef00", 99);  // it may come again
  EXPECT_TRUE(run(store->build("hello", "abcdef00")));
}

TEST_P(StoreConformance, the_oldest_entries_of_the_ledger_go_up_to_the_first_newer_one) {
  auto entry = [&](const std::string& id, int64_t at, const std::string& verdict = "accepted") {
    auto d = delivery(id, verdict);
    d.at = from_millis(at);
    ASSERT_TRUE(run(store->accept(d, std::nullopt)));
  };
  for (int i = 1; i <= 30; ++i) entry("d" + std::to_string(i), i * 10, i % 5 ? "accepted" : "refused");
  auto oldest = run(store->oldest_deliveries(7));
  ASSERT_EQ(oldest->size(), 7u);
  for (int i = 0; i < 7; ++i) EXPECT_EQ((*oldest)[i].id, "d" + std::to_string(i + 1));
  EXPECT_EQ(run(store->oldest_deliveries(1000))->size(), 30u);
  EXPECT_EQ(*run(store->forget_deliveries(from_millis(10), 1000, {})), 0);
  EXPECT_EQ(*run(store->forget_deliveries(from_millis(251), 3, {})), 3);
  EXPECT_EQ(*run(store->forget_deliveries(from_millis(251), 1000, {})), 22);
  EXPECT_EQ(*run(store->forget_deliveries(from_millis(251), 1000, {})), 0);
  auto left = run(store->deliveries({}));
  ASSERT_EQ(left->items.size(), 5u);
  EXPECT_EQ(left->items.back().id, "d26");
  EXPECT_EQ(run(store->oldest_deliveries(1))->at(0), left->items.back());
}

TEST_P(StoreConformance, a_delivery_id_that_was_forgotten_may_come_again) {
  ASSERT_TRUE(run(store->accept(delivery("x"), build("abcdef0", 1))));
  EXPECT_TRUE(run(store->accept(delivery("x"), build("abcdef0", 1)))->duplicate);
  ASSERT_EQ(*run(store->forget_deliveries(from_millis(2'000), 1000, {})), 1);
  auto again = run(store->accept(delivery("x"), build("abcdef1", 2)));
  ASSERT_TRUE(again) << again.error().str();
  EXPECT_FALSE(again->duplicate);
  EXPECT_TRUE(run(store->build("hello", "abcdef1")));
  EXPECT_EQ(run(store->deliveries({}))->items.size(), 1u);
}

TEST_P(StoreConformance, sizes_count_what_there_is) {
  auto sizes = [&] {
    std::map<std::string, Size> out;
    auto all = run(store->sizes());
    if (!all) throw std::runtime_error(all.error().str());
    for (const Size& s : *all) out[s.kind] = s;
    return out;
  };
  auto empty = sizes();
  ASSERT_EQ(empty.size(), 8u);
  for (const char* kind :
       {"builds", "deliveries", "deploys", "events", "documents", "instances", "entries", "feed"})
    EXPECT_EQ(empty[kind].count, 0) << kind;
  created();
  created();
  push("abcdef0", 1);
  ask("i-1", 5);
  ASSERT_TRUE(run(store->put_document(kTarget, 1, "log", random_bytes(100'000))));
  auto some = sizes();
  EXPECT_EQ(some["builds"].count, 1);
  EXPECT_EQ(some["deliveries"].count, 2);
  EXPECT_EQ(some["deploys"].count, 2);
  EXPECT_EQ(some["events"].count, 2);
  EXPECT_EQ(some["documents"].count, 1);
  EXPECT_EQ(some["instances"].count, 1);
  FeedItem item;
  item.id = item.kind = "x";
  ASSERT_TRUE(
      run(store->write_all({.put = {{"lock", "a", {}, 0}, {"lock", "b", {}, 0}}, .tell = {item}}, {})));
  some = sizes();
  EXPECT_EQ(some["entries"].count, 2);
  EXPECT_EQ(some["feed"].count, 1);
  if (some["documents"].bytes != -1) {
    EXPECT_GE(some["documents"].bytes, 100'000);
    EXPECT_GT(some["deploys"].bytes, 0);
  }
}

}  // namespace
}  // namespace lemmy::store
