// Conformance: deploys, events and documents, in detail.
#include "base/crypto.h"
#include "store/conformance.h"

namespace lemmy::store {
namespace {

TEST_P(StoreConformance, every_field_of_a_deploy_survives) {
  auto d = deploy();
  d.branch = "main";
  d.image = "i@sha256:1";
  d.deployer = Deployer::ansible;
  d.cluster = "west";
  d.phase = Phase::settling;
  d.presence = Presence::running;
  d.wanted = Wanted::zeroed;
  d.running = 3;
  d.who = "ada";
  d.reason = "grüße \"x\"";
  d.request_id = "r-1";
  d.rollback_of = 4;
  d.follows = 5;
  d.created_at = from_millis(1'790'000'000'001);
  d.phase_at = from_millis(1'790'000'000'002);
  d.progress_at = from_millis(1'790'000'000'003);
  d.ready_since = from_millis(1'790'000'000'004);
  d.serving_since = from_millis(1'790'000'000'005);
  d.finished_at = from_millis(1'790'000'000'006);
  d.most_ready = 3;
  d.object_name = "hello-abcdef0-1";
  d.replicas = 3;
  d.config_map = "hello-1";
  d.secret_version = "77";
  d.note = "waits";
  d.cancel_requested_by = "bob";
  d.scale_to = 0;
  d.cause = Cause{"s", "p", "c", "r", 137, "m", "h", std::string("log\0tail", 8), "prev", {}};
  d.cause->events.push_back({"Warning", "BackOff", "text", 4, from_millis(1'790'000'000'007)});
  auto made = run(store->create_deploy(d, event("a")));
  ASSERT_TRUE(made) << made.error().str();
  d.number = d.revision = 1;
  EXPECT_EQ(*made, d);
  EXPECT_EQ(*run(store->deploy(d.target, 1)), d);
  auto updated = run(store->update_deploy(d, {}));
  d.revision = 2;
  EXPECT_EQ(*updated, d);
  EXPECT_EQ(*run(store->deploy(d.target, 1)), d);
}

TEST_P(StoreConformance, bytes_that_are_not_utf8_never_make_a_deploy_unreadable) {
  auto d = created();
  d.cause = Cause{};
  d.cause->log_tail = "half a rune \xe4\xbd";
  auto updated = run(store->update_deploy(d, {event("bad \xff byte")}));
  ASSERT_TRUE(updated);
  auto got = run(store->deploy(d.target, 1));
  ASSERT_TRUE(got) << got.error().str();
  EXPECT_EQ(*got, *updated);
  EXPECT_TRUE(got->cause->log_tail.starts_with("half a rune "));
  EXPECT_EQ(run(store->unsettled_deploys())->size(), 1u);
  EXPECT_EQ(run(store->deploy_events(d.target, 1, 0, 10))->size(), 2u);
}

TEST_P(StoreConformance, the_same_request_many_times_at_once_is_one_deploy) {
  auto d = deploy();
  d.request_id = "click";
  std::vector<Task<Result<lemmy::Deploy>>> tasks;
  for (int i = 0; i < 30; ++i) tasks.push_back(store->create_deploy(d, event("a")));
  for (auto& r : run_all(std::move(tasks))) EXPECT_EQ(r->number, 1);
  EXPECT_EQ(run(store->deploys(d.target, {}))->items.size(), 1u);
  EXPECT_EQ(run(store->deploy_events(d.target, 1, 0, 100))->size(), 1u);
}

TEST_P(StoreConformance, the_same_request_gives_the_deploy_as_it_is_now) {
  auto d = deploy();
  d.request_id = "click";
  auto first = *run(store->create_deploy(d, event("a")));
  first.phase = Phase::applying;
  ASSERT_TRUE(run(store->update_deploy(first, {})));
  EXPECT_EQ(run(store->create_deploy(d, event("b")))->phase, Phase::applying);
}

TEST_P(StoreConformance, no_request_id_is_never_the_same_request) {
  EXPECT_EQ(created().number, 1);
  EXPECT_EQ(created().number, 2);
}

TEST_P(StoreConformance, a_repeated_request_uses_no_number) {
  auto d = deploy();
  d.request_id = "click";
  for (int i = 0; i < 3; ++i) run(store->create_deploy(d, event("a")));
  EXPECT_EQ(created().number, 2);
}

TEST_P(StoreConformance, number_and_revision_of_a_new_deploy_are_the_stores) {
  auto d = deploy();
  d.number = 41;
  d.revision = 17;
  auto made = run(store->create_deploy(d, event("a")));
  EXPECT_EQ(made->number, 1);
  EXPECT_EQ(made->revision, 1);
}

TEST_P(StoreConformance, the_first_event_is_written_with_the_deploy) {
  auto e = event("begins");
  e.at = from_millis(1'790'000'000'123);
  e.kind = "action";
  e.who = "ada";
  e.phase = Phase::preparing;
  auto d = *run(store->create_deploy(deploy(), e));
  auto all = *run(store->deploy_events(d.target, 1, 0, 10));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_GT(all[0].seq, 0);
  e.seq = all[0].seq;
  e.target = d.target;
  e.number = 1;
  EXPECT_EQ(all[0], e);
}

TEST_P(StoreConformance, seqs_are_used_once_over_all_deploys_and_grow_within_each) {
  auto a = created("a"), b = created("b");
  for (int i = 0; i < 3; ++i) {
    a = *run(store->update_deploy(a, {event("x"), event("y")}));
    b = *run(store->update_deploy(b, {event("z")}));
  }
  std::set<int64_t> seqs;
  for (auto& t : {a.target, b.target}) {
    int64_t last = 0;
    for (auto& e : *run(store->deploy_events(t, 1, 0, 100))) {
      EXPECT_GT(e.seq, last);
      last = e.seq;
      seqs.insert(e.seq);
    }
  }
  EXPECT_EQ(seqs.size(), 11u);
}

TEST_P(StoreConformance, events_are_cut_at_the_limit_and_go_on_from_there) {
  auto d = created();
  d = *run(store->update_deploy(d, std::vector(9, event("x"))));
  std::vector<int64_t> seen;
  for (int64_t after = 0;;) {
    auto some = *run(store->deploy_events(d.target, 1, after, 4));
    if (some.empty()) break;
    EXPECT_LE(some.size(), 4u);
    for (auto& e : some) seen.push_back(after = e.seq);
  }
  EXPECT_EQ(seen.size(), 10u);
}

TEST_P(StoreConformance, an_update_that_was_repeated_after_it_happened_is_a_conflict_not_a_second_event) {
  auto d = created();
  ASSERT_TRUE(run(store->update_deploy(d, {event("once")})));
  EXPECT_EQ(run(store->update_deploy(d, {event("once")})).error().code, ErrorCode::conflict);
  EXPECT_EQ(run(store->deploy_events(d.target, 1, 0, 10))->size(), 2u);
}

TEST_P(StoreConformance, a_revision_ahead_of_the_stored_one_is_a_conflict) {
  auto d = created();
  d.revision = 5;
  EXPECT_EQ(run(store->update_deploy(d, {})).error().code, ErrorCode::conflict);
}

TEST_P(StoreConformance, one_conflict_among_many_writes_at_once_undoes_no_other) {
  auto stale = created("stale");
  ASSERT_TRUE(run(store->update_deploy(stale, {})));
  std::vector<lemmy::Deploy> fresh;
  for (int i = 0; i < 10; ++i) fresh.push_back(created("e" + std::to_string(i)));
  std::vector<Task<Result<lemmy::Deploy>>> tasks;
  for (auto& d : fresh) {
    tasks.push_back(store->update_deploy(d, {event("good")}));
    tasks.push_back(store->update_deploy(stale, {event("bad")}));
  }
  auto answers = run_all(std::move(tasks));
  for (size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(answers[i].has_value(), i % 2 == 0) << i;
  for (auto& d : fresh) EXPECT_EQ(run(store->deploy(d.target, 1))->revision, 2);
  EXPECT_EQ(run(store->deploy_events(stale.target, 1, 0, 10))->size(), 1u);
}

TEST_P(StoreConformance, pages_of_deploys_lose_none_while_more_are_made) {
  for (int i = 0; i < 10; ++i) created();
  std::vector<int64_t> seen;
  Page page{3, ""};
  do {
    auto l = run(store->deploys({"hello", "staging"}, page));
    for (auto& d : l->items) seen.push_back(d.number);
    page.after = l->next;
    created();
  } while (!page.after.empty());
  EXPECT_EQ(seen, (std::vector<int64_t>{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}));
}

TEST_P(StoreConformance, the_numbers_of_targets_that_look_alike_are_apart) {
  auto a = deploy(), b = deploy();
  a.target = {"a", "b-c"};
  b.target = {"a-b", "c"};
  EXPECT_EQ(run(store->create_deploy(a, event("x")))->number, 1);
  EXPECT_EQ(run(store->create_deploy(b, event("x")))->number, 1);
  EXPECT_EQ(run(store->deploys(a.target, {}))->items.size(), 1u);
}

TEST_P(StoreConformance, a_deploy_that_settles_leaves_the_unsettled_and_may_come_back) {
  auto d = created();
  EXPECT_EQ(run(store->unsettled_deploys())->size(), 1u);
  d.phase = Phase::failed;
  d = *run(store->update_deploy(d, {}));
  EXPECT_TRUE(run(store->unsettled_deploys())->empty());
  d.wanted = Wanted::deleted;
  d = *run(store->update_deploy(d, {}));
  EXPECT_EQ(run(store->unsettled_deploys())->size(), 1u);
  d.presence = Presence::deleted;
  d = *run(store->update_deploy(d, {}));
  EXPECT_TRUE(run(store->unsettled_deploys())->empty());
}

TEST_P(StoreConformance, unsettled_deploys_come_by_target_then_number) {
  for (auto e : {"b", "a", "b", "a"}) created(e);
  std::vector<std::string> order;
  for (auto& d : *run(store->unsettled_deploys()))
    order.push_back(d.target.environment + std::to_string(d.number));
  EXPECT_EQ(order, (std::vector<std::string>{"a1", "a2", "b1", "b2"}));
}

TEST_P(StoreConformance, the_latest_deploy_is_shown_as_it_is_now) {
  auto d = created();
  d.phase = Phase::live;
  ASSERT_TRUE(run(store->update_deploy(d, {})));
  EXPECT_EQ(run(store->latest_deploys())->at(0).phase, Phase::live);
}

TEST_P(StoreConformance, a_document_of_16_mib_fits_and_one_byte_more_does_not) {
  auto d = created();
  std::string most = random_bytes(16u << 20);
  ASSERT_TRUE(run(store->put_document(d.target, 1, "log", most)));
  EXPECT_TRUE(*run(store->document(d.target, 1, "log")) == most);
  EXPECT_EQ(run(store->put_document(d.target, 1, "log", most + "x")).error().code, ErrorCode::too_large);
  EXPECT_TRUE(*run(store->document(d.target, 1, "log")) == most);
}

TEST_P(StoreConformance, documents_with_nul_and_any_bytes_come_back_byte_for_byte) {
  auto d = created();
  std::string text("\0\xff\0 a\r\n", 7);
  ASSERT_TRUE(run(store->put_document(d.target, 1, "final", text)));
  EXPECT_EQ(*run(store->document(d.target, 1, "final")), text);
}

TEST_P(StoreConformance, documents_of_one_deploy_are_apart_by_name_and_number) {
  auto d = created();
  created();
  ASSERT_TRUE(run(store->put_document(d.target, 1, "log", "one")));
  ASSERT_TRUE(run(store->put_document(d.target, 2, "log", "two")));
  ASSERT_TRUE(run(store->put_document(d.target, 1, "final", "three")));
  EXPECT_EQ(*run(store->document(d.target, 1, "log")), "one");
  EXPECT_EQ(*run(store->document(d.target, 2, "log")), "two");
  EXPECT_EQ(run(store->document(d.target, 2, "final")).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace lemmy::store
