// Several servers on one database, lost answers and restarts, on both of Google's emulators.
#include "base/crypto.h"
#include "base/strings.h"
#include "domain/instance.h"
#include "on_emulator.h"

namespace lemmy::store {
namespace {

TEST_P(OnEmulator, calls_of_one_instance_at_three_servers_are_all_counted) {
  auto b = open(), c = open();
  std::vector<Task<Result<Accepted>>> all;
  for (int n = 0; n < 20; ++n) {
    Store& to = n % 3 == 0 ? *a : n % 3 == 1 ? *b : *c;
    all.push_back(to.accept_instance(delivery(std::to_string(n), "instance"), call("i-1", n)));
  }
  for (auto& r : run_all(std::move(all))) ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(run(b->instance({"hello", "staging"}, "i-1"))->asked, 20);
}

TEST_P(OnEmulator, deploys_made_at_two_servers_get_numbers_of_their_own_and_no_gap) {
  auto b = open();
  std::vector<Task<Result<lemmy::Deploy>>> all;
  for (int n = 0; n < 20; ++n) all.push_back((n % 2 ? *a : *b).create_deploy(deploy(), event("made")));
  std::set<int64_t> numbers;
  for (auto& r : run_all(std::move(all))) {
    ASSERT_TRUE(r) << r.error().str();
    numbers.insert(r->number);
  }
  EXPECT_EQ(numbers.size(), 20u);
  EXPECT_EQ(*numbers.rbegin(), 20);
}

TEST_P(OnEmulator, one_delivery_sent_to_two_servers_is_taken_once) {
  auto b = open();
  std::vector<Task<Result<Accepted>>> all;
  for (int n = 0; n < 10; ++n) all.push_back((n % 2 ? *a : *b).accept(delivery("same"), build("abcdef0", 1)));
  int taken = 0;
  std::set<int64_t> seqs;
  for (auto& r : run_all(std::move(all))) {
    ASSERT_TRUE(r) << r.error().str();
    taken += !r->duplicate;
    seqs.insert(r->delivery.seq);
  }
  EXPECT_EQ(taken, 1);
  EXPECT_EQ(seqs.size(), 1u);
}

TEST_P(OnEmulator, events_of_one_deploy_grow_whoever_writes_them) {
  auto b = open();
  auto d = *run(a->create_deploy(deploy(), event("0")));
  for (int n = 1; n < 6; ++n) d = *run((n % 2 ? b : a)->update_deploy(d, {event(std::to_string(n))}));
  auto events = *run(a->deploy_events(d.target, 1, 0, 100));
  ASSERT_EQ(events.size(), 6u);
  for (int n = 0; n < 6; ++n) EXPECT_EQ(events[n].text, std::to_string(n));
}

TEST_P(OnEmulator, a_lease_is_taken_by_one_of_two_servers_and_fences_the_other) {
  auto b = open();
  auto d = *run(a->create_deploy(deploy(), event("0")));
  std::vector<Task<Result<Lease>>> both;
  both.push_back(a->swap_lease({"conductor", "a", 1, 0}));
  both.push_back(b->swap_lease({"conductor", "b", 1, 0}));
  auto answers = run_all(std::move(both));
  EXPECT_NE(answers[0].has_value(), answers[1].has_value());
  Lease now = *run(b->lease("conductor"));
  ASSERT_TRUE(run(b->swap_lease({"conductor", "b", 2, now.revision})));
  EXPECT_EQ(run(a->update_deploy(d, {}, Fence{"conductor", 1})).error().code, ErrorCode::forbidden);
  EXPECT_TRUE(run(b->update_deploy(d, {}, Fence{"conductor", 2})));
}

TEST_P(OnEmulator, many_waiting_writes_share_few_commits) {
  std::vector<Task<Result<Accepted>>> all;
  for (int n = 0; n < 500; ++n) all.push_back(a->accept(delivery(std::to_string(n)), std::nullopt));
  for (auto& r : run_all(std::move(all))) ASSERT_TRUE(r) << r.error().str();
  EXPECT_LT(dynamic_cast<DatastoreStore&>(*a).commits(), 100u);
}

TEST_P(OnEmulator, a_thousand_results_are_more_than_one_commit_and_are_all_written) {
  std::vector<Instance> all;
  std::vector<Task<Result<Accepted>>> calls;
  for (int n = 0; n < 1000; ++n) {
    InstanceCall c = call("i-" + std::to_string(n), n);
    all.push_back(with_call(std::nullopt, c));
    all.back().result.state = InstanceState::converged;
    all.back().result.answered = 1;
    calls.push_back(a->accept_instance(delivery(std::to_string(n), "instance"), c));
  }
  for (auto& r : run_all(std::move(calls))) ASSERT_TRUE(r) << r.error().str();
  ASSERT_TRUE(run(a->record_instances(all, {})));
  EXPECT_TRUE(run(a->unsettled_instances())->empty());
}

TEST_P(OnEmulator, big_ledger_entries_that_wait_together_do_not_outgrow_a_request) {
  std::vector<Task<Result<Accepted>>> all;
  for (int n = 0; n < 100; ++n) {
    Delivery d = delivery(std::to_string(n));
    d.body = random_bytes(64 << 10);
    all.push_back(a->accept(d, std::nullopt));
  }
  for (auto& r : run_all(std::move(all))) ASSERT_TRUE(r) << r.error().str();
  auto found = run(a->deliveries({1000, ""}));
  ASSERT_TRUE(found) << found.error().str();
  EXPECT_EQ(found->items.size(), 100u);
}

TEST_P(OnEmulator, a_deploy_with_a_long_log_is_kept_whole) {
  auto d = deploy();
  d.cause = Cause{};
  d.cause->log_tail = to_hex(random_bytes(400 << 10));
  auto made = run(a->create_deploy(d, event("0")));
  ASSERT_TRUE(made) << made.error().str();
  EXPECT_EQ(run(a->deploy(d.target, 1))->cause->log_tail, d.cause->log_tail);
}

TEST_P(OnEmulator, names_of_any_language_with_nul_and_slashes_are_apart) {
  for (const std::string& name :
       {std::string("a/b"), std::string("a"), std::string("a\0b", 3), std::string("grüße 🚀")})
    ASSERT_TRUE(run(a->swap_lease({name, "holder of " + name, 1, 0}))) << name;
  EXPECT_EQ(run(a->lease(std::string("a\0b", 3)))->holder, std::string("holder of a\0b", 13));
  Target odd{"hello", "a/b"};
  ASSERT_TRUE(run(a->put_document(odd, 1, "grüße", "text")));
  EXPECT_EQ(run(a->document({"hello/a", "b"}, 1, "grüße")).error().code, ErrorCode::not_found);
}

TEST_P(OnEmulator, a_big_document_that_is_replaced_leaves_nothing_behind) {
  datastore::Api api(datastore::Place{"lemmy", "", name_space, ""},
                     *net::Client::create(loop.get_executor(), "http://" + emulator->host()), nullptr,
                     kPatient);
  Target t{"hello", "staging"};
  for (size_t mib : {5u, 3u}) ASSERT_TRUE(run(a->put_document(t, 1, "log", random_bytes(mib << 20))));
  datastore::Query q;
  q.kind = "LemmyChunk";
  q.keys_only = true;
  EXPECT_EQ(run(api.query(q))->size(), 4u);  // of 900 KiB
  ASSERT_TRUE(run(a->put_document(t, 1, "log", "short")));
  EXPECT_TRUE(run(api.query(q))->empty());
  EXPECT_EQ(*run(a->document(t, 1, "log")), "short");
}

TEST_P(OnEmulator, a_write_whose_answer_was_lost_is_done_once_and_told_as_its_own) {
  LosesAnswers between(loop, emulator->host());
  auto s = fresh_store(loop.get_executor(), between.host_, name_space, kPatient);
  auto losing = [&](auto task) {
    between.lose = true;
    auto r = run(std::move(task));
    EXPECT_FALSE(between.lose);
    return r;
  };
  auto accepted = losing(s->accept(delivery("1"), build("abcdef0", 1)));
  ASSERT_TRUE(accepted) << accepted.error().str();
  EXPECT_FALSE(accepted->duplicate);
  EXPECT_TRUE(run(s->accept(delivery("1"), build("abcdef0", 1)))->duplicate);
  Delivery refused = delivery("2");
  refused.verdict = "refused";
  ASSERT_TRUE(losing(s->accept(refused, std::nullopt)));
  EXPECT_EQ(run(s->deliveries({}))->items.size(), 2u);

  auto called = losing(s->accept_instance(delivery("3", "instance"), call("i-1", 5)));
  ASSERT_TRUE(called);
  EXPECT_FALSE(called->duplicate);
  EXPECT_EQ(run(s->instance({"hello", "staging"}, "i-1"))->asked, 1);

  auto d = losing(s->create_deploy(deploy(), event("0")));  // without a request id
  ASSERT_TRUE(d) << d.error().str();
  EXPECT_EQ(d->number, 1);
  auto updated = losing(s->update_deploy(*d, {event("1")}));
  ASSERT_TRUE(updated) << updated.error().str();
  EXPECT_EQ(updated->revision, 2);
  EXPECT_EQ(run(s->deploys(d->target, {}))->items.size(), 1u);
  EXPECT_EQ(run(s->deploy_events(d->target, 1, 0, 10))->size(), 2u);

  auto lease = losing(s->swap_lease({"conductor", "a", 1, 0}));
  ASSERT_TRUE(lease) << lease.error().str();
  EXPECT_EQ(lease->revision, 1);
  std::string text = random_bytes(2 << 20);
  ASSERT_TRUE(losing(s->put_document(d->target, 1, "log", text)));
  EXPECT_TRUE(*run(s->document(d->target, 1, "log")) == text);
  EXPECT_EQ(between.lost, 7);
}

TEST_P(OnEmulator, a_store_goes_on_by_itself_when_the_emulator_was_killed_and_started_again) {
  auto own = Emulator::make(GetParam());
  auto s = fresh_store(loop.get_executor(), own->host(), name_space,
                       {.call = seconds{10}, .patience = milliseconds{600}});
  auto patient = fresh_store(loop.get_executor(), own->host(), name_space, kPatient);
  for (Store* one : {s.get(), patient.get()}) {  // with connections that will be dead
    ASSERT_TRUE(run(one->accept(delivery(random_hex(4)), std::nullopt)));
    ASSERT_TRUE(run(one->deliveries({})));
  }
  own->stop();
  EXPECT_EQ(run(s->accept(delivery("2"), std::nullopt)).error().code, ErrorCode::unavailable);
  EXPECT_EQ(run(s->deliveries({})).error().code, ErrorCode::unavailable);
  EXPECT_FALSE(run(s->check()));
  // What waits with patience is written when it is back.
  auto waits = asio::co_spawn(loop, patient->accept(delivery("3"), build("abcdef0", 1)), asio::use_future);
  loop.restart();
  loop.run_for(milliseconds{300});
  own->start();
  loop.restart();
  while (waits.wait_for(seconds{0}) != std::future_status::ready) loop.run_one_for(seconds{60});
  auto late = waits.get();
  ASSERT_TRUE(late) << late.error().str();
  EXPECT_TRUE(run(patient->build("hello", "abcdef0")));
  EXPECT_TRUE(run(patient->check()));
}

TEST(Indexes, what_the_queries_of_all_tests_needed_is_in_no_composite_index) {
  Emulator* emulator = Emulator::shared(Emulator::Kind::datastore);
  if (!emulator) GTEST_SKIP() << "this emulator is not on this machine";
  EXPECT_EQ(emulator->needed_indexes().find("kind:"), std::string::npos) << emulator->needed_indexes();
}

}  // namespace
}  // namespace lemmy::store
