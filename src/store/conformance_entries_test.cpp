// Conformance: entries, and what is written together.
#include "base/crypto.h"
#include "base/strings.h"
#include "store/conformance.h"

namespace lemmy::store {
namespace {

Entry lock(const std::string& key, const std::string& who = "ada", int64_t revision = 0) {
  return {"lock", key, json::object{{"who", who}}, revision};
}
Writes putting(Entry e) { return {.put = {std::move(e)}}; }
Writes removing(Entry e) { return {.remove = {std::move(e)}}; }

TEST_P(StoreConformance, an_entry_that_is_not_there_has_no_revision_and_may_be_put_as_it_is) {
  auto none = run(store->entry("lock", "hello/staging"));
  ASSERT_TRUE(none) << none.error().str();
  EXPECT_EQ(*none, (Entry{"lock", "hello/staging", {}, 0}));
  none->body["why"] = "grüße \"x\" \n\0 \u2028 end";
  none->body["n"] = (1ll << 53) + 1;
  none->body["list"] = json::array{nullptr, true, 0.5, json::object{}};
  auto written = run(store->write_all(putting(*none), {}));
  ASSERT_TRUE(written) << written.error().str();
  ASSERT_EQ(written->put.size(), 1u);
  EXPECT_GT(written->put[0], 0);
  none->revision = written->put[0];
  EXPECT_EQ(*run(store->entry("lock", "hello/staging")), *none);
  EXPECT_EQ(run(store->entry("hold", "hello/staging"))->revision, 0);
}

TEST_P(StoreConformance, an_entry_is_written_from_its_own_revision_only) {
  Entry e = lock("a");
  e.revision = run(store->write_all(putting(e), {}))->put[0];
  auto other = e;
  e.body["who"] = "bob";
  auto done = run(store->write_all(putting(e), {}));
  ASSERT_TRUE(done) << done.error().str();
  EXPECT_NE(done->put[0], e.revision);
  for (const Writes& stale : {putting(other), removing(other), putting(lock("a")), putting(lock("b", "x", 7)),
                              removing(lock("b", "x", 7)), removing(lock("b"))}) {
    auto refused = run(store->write_all(stale, {}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_TRUE(refused.error().where.starts_with("lock ")) << refused.error().str();
  }
  EXPECT_EQ(run(store->entry("lock", "a"))->body.at("who"), "bob");
  e.revision = done->put[0];
  ASSERT_TRUE(run(store->write_all(removing(e), {})));
  EXPECT_EQ(run(store->entry("lock", "a"))->revision, 0);
}

TEST_P(StoreConformance, a_revision_does_not_come_back_with_an_entry_that_was_removed_and_put_again) {
  Entry e = lock("a");
  std::set<int64_t> seen;
  for (int i = 0; i < 5; ++i) {
    e.revision = run(store->write_all(putting(e), {}))->put[0];
    EXPECT_TRUE(seen.insert(e.revision).second);
    ASSERT_TRUE(run(store->write_all(removing(e), {})));
    e.revision = 0;
  }
  e.revision = *seen.begin();
  ASSERT_TRUE(run(store->write_all(putting(lock("a")), {})));
  EXPECT_EQ(run(store->write_all(putting(e), {})).error().code, ErrorCode::conflict);
}

TEST_P(StoreConformance, of_many_who_put_one_entry_at_once_one_does) {
  std::vector<Task<Result<Written>>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(store->write_all(putting(lock("a", std::to_string(i))), {}));
  int won = 0;
  for (auto& r : run_all(std::move(tasks))) {
    won += r.has_value();
    if (!r) EXPECT_EQ(r.error().code, ErrorCode::conflict) << r.error().str();
  }
  EXPECT_EQ(won, 1);
}

TEST_P(StoreConformance, entries_are_listed_by_kind_and_prefix_in_the_order_of_their_bytes) {
  const std::vector<std::string> keys{" ",    "a",   "a b", "a%2Fb", "a-b", "a.b", "a/1",
                                      "a/10", "a/2", "a/~", "a0",    "b",   "~"};
  for (const std::string& key : keys) ASSERT_TRUE(run(store->write_all(putting(lock(key)), {})));
  ASSERT_TRUE(run(store->write_all(putting({"lock-2", "a/1", {}, 0}), {})));
  for (int limit : {1, 2, 1000})
    for (const std::string prefix : {"", "a", "a/", "a/1", "~", "c"}) {
      std::vector<std::string> expected, seen;
      for (const std::string& key : keys)
        if (key.starts_with(prefix)) expected.push_back(key);
      Page page{limit, ""};
      do {
        auto some = run(store->entries("lock", prefix, page));
        ASSERT_TRUE(some) << some.error().str();
        EXPECT_LE(some->items.size(), static_cast<size_t>(limit));
        for (Entry& e : some->items) {
          EXPECT_EQ(e.kind, "lock");
          EXPECT_EQ(e.body.at("who"), "ada");
          EXPECT_GT(e.revision, 0);
          seen.push_back(e.key);
        }
        page.after = some->next;
      } while (!page.after.empty());
      EXPECT_EQ(seen, expected) << "'" << prefix << "' by " << limit;
    }
  EXPECT_EQ(run(store->entries("lock", "a", {5, "\xff"})).error().code, ErrorCode::invalid);
  EXPECT_EQ(run(store->entries("No Kind", "", {})).error().code, ErrorCode::invalid);
}

TEST_P(StoreConformance, a_page_of_big_entries_ends_early) {
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(
        run(store->write_all(putting(lock("a" + std::to_string(100 + i), std::string(500 << 10, 'x'))), {})));
  auto first = run(store->entries("lock", "", {1000, ""}));
  ASSERT_TRUE(first) << first.error().str();
  EXPECT_LT(first->items.size(), 20u);
  ASSERT_FALSE(first->next.empty());
  auto rest = run(store->entries("lock", "", {1000, first->next}));
  EXPECT_EQ(first->items.size() + rest->items.size(), 20u);
  EXPECT_EQ(rest->next, "");
}

TEST_P(StoreConformance, what_is_no_entry_is_refused_and_nothing_is_written) {
  Writes twice = putting(lock("a"));
  twice.remove = {lock("a", "x", 1)};
  Writes many;
  for (int i = 0; i < 51; ++i) many.put.push_back(lock(std::to_string(i)));
  for (const Writes& bad : {putting(lock("")), putting(lock("tab\t")), putting(lock("grüße")),
                            putting(lock(std::string(401, 'a'))), putting({"Lock", "a", {}, 0}),
                            putting({"", "a", {}, 0}), putting({"feed", "let-go", {}, 0}),
                            putting(lock("a", "x", -1)), putting({"consumer", "mail", {}, 0}), twice, many})
    EXPECT_EQ(run(store->write_all(bad, {})).error().code, ErrorCode::invalid);
  EXPECT_EQ(run(store->write_all(putting(lock("a", std::string(512 << 10, 'x'))), {})).error().code,
            ErrorCode::too_large);
  EXPECT_TRUE(run(store->entries("lock", "", {}))->items.empty());
  EXPECT_TRUE(run(store->write_all({}, {})));
  EXPECT_EQ(entry_key({"a b", "c/d"}), "a%20b/c%2Fd");
}

TEST_P(StoreConformance, an_entry_at_its_limits_survives) {
  Entry e{std::string(40, 'k'), std::string(400, '~'),
          json::object{{"text", to_hex(random_bytes(250 << 10))}}, 0};
  auto put = run(store->write_all(putting(e), {}));
  ASSERT_TRUE(put) << put.error().str();
  e.revision = put->put[0];
  EXPECT_TRUE(*run(store->entry(e.kind, e.key)) == e);
  EXPECT_EQ(run(store->entries(e.kind, e.key, {}))->items.size(), 1u);
}

TEST_P(StoreConformance, who_lost_the_lease_writes_no_entry) {
  ASSERT_TRUE(run(store->swap_lease({"conductor", "me", 1, 0})));
  auto mine = run(store->write_all(putting(lock("a")), Fence{"conductor", 1}));
  ASSERT_TRUE(mine) << mine.error().str();
  ASSERT_TRUE(run(store->swap_lease({"conductor", "other", 2, 1})));
  for (const Writes& w :
       {putting(lock("b")), putting(lock("a", "x", mine->put[0])), removing(lock("a", "x", mine->put[0]))})
    EXPECT_EQ(run(store->write_all(w, Fence{"conductor", 1})).error().code, ErrorCode::forbidden);
  EXPECT_EQ(run(store->write_all(putting(lock("b")), Fence{"nobody", 0})).error().code, ErrorCode::forbidden);
  EXPECT_EQ(run(store->entries("lock", "", {}))->items.size(), 1u);
}

TEST_P(StoreConformance, a_request_that_waited_goes_in_one_write_with_the_deploy_that_it_becomes) {
  Entry request{"request", "hello/staging/1", json::object{{"build", "abcdef0"}}, 0};
  request.revision = run(store->write_all(putting(request), {}))->put[0];
  Writes go;
  go.make = Writes::Make{deploy(), event("goes")};
  go.put = {lock("hello/staging")};
  go.remove = {request};
  auto gone = run(store->write_all(go, {}));
  ASSERT_TRUE(gone) << gone.error().str();
  ASSERT_TRUE(gone->made);
  EXPECT_FALSE(gone->known);
  EXPECT_EQ(gone->made->number, 1);
  EXPECT_EQ(*run(store->deploy({"hello", "staging"}, 1)), *gone->made);
  EXPECT_EQ(run(store->deploy_events({"hello", "staging"}, 1, 0, 10))->size(), 1u);
  EXPECT_EQ(run(store->entry("request", request.key))->revision, 0);
  // Two who let it go: the second makes no deploy.
  go.put.clear();
  EXPECT_EQ(run(store->write_all(go, {})).error().code, ErrorCode::conflict);
  EXPECT_EQ(run(store->deploys({"hello", "staging"}, {}))->items.size(), 1u);
  EXPECT_EQ(created().number, 2) << "what was not written used no number";
}

TEST_P(StoreConformance, a_write_with_a_request_id_that_is_known_gives_its_deploy_and_writes_nothing) {
  Writes w;
  w.make = Writes::Make{deploy(), event("a")};
  w.make->deploy.request_id = "click";
  w.put = {lock("one")};
  ASSERT_TRUE(run(store->write_all(w, {})));
  w.put = {lock("two")};
  auto again = run(store->write_all(w, {}));
  ASSERT_TRUE(again) << again.error().str();
  EXPECT_TRUE(again->known);
  EXPECT_EQ(again->made->number, 1);
  EXPECT_EQ(run(store->entry("lock", "two"))->revision, 0);
  EXPECT_EQ(run(store->deploy_events({"hello", "staging"}, 1, 0, 10))->size(), 1u);
}

TEST_P(StoreConformance, several_deploys_and_entries_change_together_or_not_at_all) {
  auto a = created("a"), b = created("b");
  Entry serves{"serves", "hello", json::object{{"n", 1}}, 0};
  a.phase = Phase::live;
  b.phase = Phase::cancelled;
  Writes w;
  w.change = {{b, {event("b1"), event("b2")}}, {a, {event("a1")}}};
  w.put = {serves, lock("x")};
  auto done = run(store->write_all(w, {}));
  ASSERT_TRUE(done) << done.error().str();
  ASSERT_EQ(done->changed.size(), 2u);
  EXPECT_EQ(done->changed[0].target.environment, "b");
  EXPECT_EQ(done->changed[0].revision, 2);
  EXPECT_EQ(*run(store->deploy(a.target, 1)), done->changed[1]);
  EXPECT_EQ(run(store->deploy_events(b.target, 1, 0, 10))->size(), 3u);
  // Each thing that is stale holds up all the others.
  serves.revision = done->put[0];
  w.change = {{done->changed[0], {event("no")}}, {done->changed[1], {}}};
  w.put = {serves, lock("y")};
  for (int stale = 0; stale < 4; ++stale) {
    Writes bad = w;
    if (stale < 2) --bad.change[static_cast<size_t>(stale)].deploy.revision;
    if (stale == 2) bad.put[0].revision = done->put[1];
    if (stale == 3) bad.remove = {lock("z", "x", 1)};
    auto refused = run(store->write_all(bad, {}));
    ASSERT_FALSE(refused) << stale;
    EXPECT_EQ(refused.error().code, ErrorCode::conflict) << refused.error().str();
    const char* where[] = {"hello/b #1", "hello/a #1", "serves hello", "lock z"};
    EXPECT_EQ(refused.error().where, where[stale]);
  }
  EXPECT_EQ(*run(store->deploy(a.target, 1)), done->changed[1]);
  EXPECT_EQ(run(store->deploy_events(b.target, 1, 0, 10))->size(), 3u);
  EXPECT_EQ(run(store->entry("lock", "y"))->revision, 0);
  EXPECT_EQ(run(store->entry("serves", "hello"))->revision, done->put[0]);
  EXPECT_TRUE(run(store->write_all(w, {})));
}

TEST_P(StoreConformance, numbers_are_raised_and_never_lowered) {
  const Target t{"hello", "staging"};
  created();
  EXPECT_EQ(*run(store->raise_number(t, 41)), 41);
  EXPECT_EQ(*run(store->raise_number(t, 7)), 41);
  ASSERT_EQ(run(store->latest_deploys())->size(), 1u);
  EXPECT_EQ(run(store->latest_deploys())->at(0).number, 1) << "the newest is shown whatever its number";
  EXPECT_EQ(created().number, 42);
  EXPECT_EQ(run(store->latest_deploys())->at(0).number, 42);
  // Of a target that has none yet.
  EXPECT_EQ(*run(store->raise_number({"hello", "production"}, 5)), 5);
  EXPECT_EQ(run(store->latest_deploys())->size(), 1u);
  EXPECT_EQ(created("production").number, 6);
}

}  // namespace
}  // namespace lemmy::store
