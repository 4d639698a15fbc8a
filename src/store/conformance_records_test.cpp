// Conformance: everything that is kept, as records, out of one store and into another.
#include "store/conformance.h"
#include "store/copying.h"
#include "store/filled_test.h"

namespace lemmy::store {
namespace {

struct Records {
  static std::vector<Record> all(Samples& s, Store& store, int together = 1000) {
    std::vector<Record> out;
    for (RecordKind kind : kRecordKinds) {
      Page page{together, ""};
      do {
        auto found = s.run(store.dump(kind, page));
        if (!found) throw std::runtime_error(found.error().str());
        EXPECT_LE(found->items.size(), static_cast<size_t>(together));
        for (Record& r : found->items) out.push_back(std::move(r));
        page.after = found->next;
      } while (!page.after.empty());
    }
    std::ranges::sort(out, {}, [](const Record& r) { return std::tie(r.kind, r.key); });
    return out;
  }
  static void load(Samples& s, Store& store, const std::vector<Record>& records) {
    for (const Record& r : records) {
      auto loaded = s.run(store.load({r}));
      ASSERT_TRUE(loaded) << loaded.error().str();
    }
  }
};

TEST_P(StoreConformance, records_tell_all_that_is_kept) {
  fill(*this, *store);
  std::map<RecordKind, int> counts;
  for (const Record& r : Records::all(*this, *store)) ++counts[r.kind];
  EXPECT_EQ(counts, (std::map<RecordKind, int>{{RecordKind::build, 1},
                                               {RecordKind::delivery, 6},
                                               {RecordKind::target, 2},
                                               {RecordKind::deploy, 12},
                                               {RecordKind::event, 14},
                                               {RecordKind::document, 3},
                                               {RecordKind::instance, 2},
                                               {RecordKind::entry, 5},
                                               {RecordKind::feed, 3}}));
}

TEST_P(StoreConformance, records_come_back_from_another_store_as_they_went_into_it) {
  fill(*this, *store);
  auto copy = GetParam().make(loop.get_executor());
  const auto records = Records::all(*this, *store);
  Records::load(*this, *copy, records);
  EXPECT_TRUE(Records::all(*this, *copy) == records);

  // And what is read in other ways is the same.
  Target t{"hello", "staging"};
  EXPECT_EQ(*run(copy->build("hello", "abcdef0")), *run(store->build("hello", "abcdef0")));
  EXPECT_EQ(run(copy->projects_with_builds())->size(), 1u);
  EXPECT_EQ(run(copy->builds("hello", {}))->items, run(store->builds("hello", {}))->items);
  EXPECT_EQ(run(copy->deliveries({}))->items, run(store->deliveries({}))->items);
  EXPECT_EQ(*run(copy->deploy(t, 1)), *run(store->deploy(t, 1)));
  EXPECT_EQ(run(copy->deploys({"hello", "production"}, {}))->items,
            run(store->deploys({"hello", "production"}, {}))->items);
  EXPECT_EQ(*run(copy->unsettled_deploys()), *run(store->unsettled_deploys()));
  EXPECT_EQ(*run(copy->latest_deploys()), *run(store->latest_deploys()));
  EXPECT_EQ(*run(copy->deploy_events(t, 1, 0, 10)), *run(store->deploy_events(t, 1, 0, 10)));
  EXPECT_TRUE(*run(copy->document(t, 1, "log")) == *run(store->document(t, 1, "log")));
  EXPECT_EQ(run(copy->instances("", "", {}))->items, run(store->instances("", "", {}))->items);
  EXPECT_EQ(*run(copy->unsettled_instances()), *run(store->unsettled_instances()));
  EXPECT_EQ(run(copy->entries("lock", "", {}))->items, run(store->entries("lock", "", {}))->items);
  EXPECT_EQ(*run(copy->entry(kConsumer, "mail")), *run(store->entry(kConsumer, "mail")));
  const auto [feed, as_was] = std::pair(run(copy->feed(0, 10)).value(), run(store->feed(0, 10)).value());
  EXPECT_EQ(feed.items.size(), 3u);
  EXPECT_EQ(feed.items, as_was.items);
  EXPECT_EQ(feed.last, as_was.last);
  EXPECT_EQ(feed.let_go, as_was.let_go);
}

TEST_P(StoreConformance, records_loaded_again_change_nothing) {
  fill(*this, *store);
  auto copy = GetParam().make(loop.get_executor());
  const auto records = Records::all(*this, *store);
  for (int times = 0; times < 2; ++times) ASSERT_TRUE(run(copy->load(records)));
  EXPECT_TRUE(Records::all(*this, *copy) == records);
}

TEST_P(StoreConformance, pages_of_records_lose_none) {
  fill(*this, *store);
  const auto records = Records::all(*this, *store);
  for (int together : {1, 2, 5}) EXPECT_TRUE(Records::all(*this, *store, together) == records) << together;
  EXPECT_EQ(run(store->dump(RecordKind::event, {10, "no cursor"})).error().code, ErrorCode::invalid);
}

TEST_P(StoreConformance, a_page_of_big_documents_ends_early) {
  for (int n = 1; n <= 5; ++n)
    ASSERT_TRUE(run(store->put_document({"hello", "staging"}, n, "log", std::string(9 << 20, 'a' + n))));
  auto first = run(store->dump(RecordKind::document, {1000, ""}));
  ASSERT_TRUE(first) << first.error().str();
  EXPECT_EQ(first->items.size(), 2u);
  auto copy = GetParam().make(loop.get_executor());
  auto read = run(
      read_records(store.get(), [&](std::vector<Record> page) { return copy->load(std::move(page)); }, {}));
  ASSERT_TRUE(read) << read.error().str();
  EXPECT_EQ(read->at(RecordKind::document).count(), 5);
  EXPECT_EQ(run(read_records(copy.get(), {}, {})).value(), *read);
}

TEST_P(StoreConformance, numbers_go_on_behind_those_of_the_records) {
  fill(*this, *store);
  auto copy = GetParam().make(loop.get_executor());
  Records::load(*this, *copy, Records::all(*this, *store));
  Target t{"hello", "production"};
  auto next = run(copy->create_deploy(deploy("production"), event("next")));
  ASSERT_TRUE(next) << next.error().str();
  EXPECT_EQ(next->number, 12);
  auto entered = run(copy->accept(delivery("next"), std::nullopt));
  ASSERT_TRUE(entered) << entered.error().str();
  EXPECT_EQ(run(copy->deliveries({1, ""}))->items.at(0).id, "next");
  EXPECT_GT(entered->delivery.seq, run(store->deliveries({1, ""}))->items.at(0).seq);
  auto last = run(copy->deploy(t, 11));
  const int64_t before = run(copy->deploy_events(t, 11, 0, 10))->back().seq;
  ASSERT_TRUE(run(copy->update_deploy(*last, {event("more")})));
  auto after = *run(copy->deploy_events(t, 11, before, 10));
  ASSERT_EQ(after.size(), 1u);
  EXPECT_GT(after[0].seq, before);
  // Of a feed of which nothing is left, what its consumers had come to is left.
  const Feed told = *run(copy->feed(0, 10));
  Entry lock = *run(copy->entry("lock", "hello/b"));
  const int64_t was = lock.revision;
  Writes w{.put = {lock}, .tell = {told.items.at(0)}};
  w.tell[0].id = "next";
  auto written = run(copy->write_all(w, {}));
  ASSERT_TRUE(written) << written.error().str();
  EXPECT_GT(written->put.at(0), was);
  EXPECT_GT(run(copy->feed(told.last, 10))->items.at(0).seq, told.last);
  auto empty = GetParam().make(loop.get_executor());
  ASSERT_TRUE(run(empty->load({record_of(Entry{kConsumer, "mail", json::object{{"at", 700}}, 5})})));
  ASSERT_TRUE(run(empty->write_all({.tell = w.tell}, {})));
  EXPECT_GT(run(empty->feed(700, 10))->items.at(0).seq, 700);
  // A deploy that was archived came back without its target.
  ASSERT_TRUE(
      run(empty->load({*deploy_record({"hello", "staging"}, 30, 1, json::serialize(to_json(deploy())))})));
  EXPECT_EQ(run(empty->create_deploy(deploy(), event("x")))->number, 31);
  EXPECT_EQ(run(empty->latest_deploys())->at(0).number, 31);
  // What was asked for before is known.
  lemmy::Deploy again = deploy();
  again.request_id = "ask-1";
  EXPECT_EQ(run(copy->create_deploy(again, event("again")))->number, 1);
  EXPECT_TRUE(run(copy->accept(delivery("id-1"), std::nullopt))->duplicate);
}

TEST_P(StoreConformance, a_record_that_is_none_is_refused_with_all_beside_it) {
  const Record good = record_of(build("abcdef0", 1));
  for (const Record& bad : {Record{RecordKind::build, "hello/abcdef1", good.body},
                            Record{RecordKind::build, good.key, "{"}, Record{RecordKind::delivery, "1", "{}"},
                            Record{RecordKind::deploy, "a/b/1", R"({"project":"a","environment":"b"})"},
                            Record{RecordKind::document, "a/b/1/log", "[]"}}) {
    auto loaded = run(store->load({good, bad}));
    ASSERT_FALSE(loaded) << bad.body;
    EXPECT_EQ(loaded.error().code, ErrorCode::invalid) << loaded.error().str();
  }
  EXPECT_TRUE(*run(is_empty(store.get())));
}

TEST_P(StoreConformance, a_load_that_has_not_ended_is_known_and_only_the_same_goes_on) {
  EXPECT_TRUE(run(check_loaded(store.get(), "x")));
  ASSERT_TRUE(run(begin_load(store.get(), "a copy of X")));
  auto copy = GetParam().make(loop.get_executor());
  ASSERT_TRUE(run(store->load({record_of(build("abcdef0", 1))})));
  EXPECT_EQ(run(check_loaded(store.get(), "x")).error().code, ErrorCode::conflict);
  EXPECT_EQ(run(begin_load(store.get(), "a copy of Y")).error().code, ErrorCode::conflict);
  EXPECT_TRUE(run(begin_load(store.get(), "a copy of X")));
  ASSERT_TRUE(run(end_load(store.get())));
  EXPECT_TRUE(run(check_loaded(store.get(), "x")));
  EXPECT_EQ(run(begin_load(store.get(), "a copy of X")).error().what, "it is not empty");
}

}  // namespace
}  // namespace lemmy::store
