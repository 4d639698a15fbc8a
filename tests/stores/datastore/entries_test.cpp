// Entries and the feed of several servers on one database, and lost answers, on both of Google's emulators.
#include "on_emulator.h"
#include "store/copying.h"
#include "store/maintain.h"

namespace lemmy::store {
namespace {

FeedItem item(const std::string& id, Target target = {"hello", "staging"}) {
  FeedItem i;
  i.id = id;
  i.target = std::move(target);
  i.kind = "x";
  return i;
}

Task<> write_on(Store* s, Target target, std::string name, int count, int* writing) {
  for (int n = 0; n < count; ++n) {
    Writes w;
    w.tell = {item(fmt::format("{}/{}", name, n), target)};
    auto done = co_await s->write_all(std::move(w), {});
    if (!done) throw std::runtime_error(done.error().str());
  }
  --*writing;
}
Task<std::vector<FeedItem>> follow(Store* s, const int* writing) {
  std::vector<FeedItem> seen;
  for (bool last = false;;) {
    auto more = co_await s->feed(seen.empty() ? 0 : seen.back().seq, 7);
    if (!more) throw std::runtime_error(more.error().str());
    for (FeedItem& i : more->items) seen.push_back(std::move(i));
    if (!more->items.empty()) continue;
    if (last) co_return seen;
    last = *writing == 0;
  }
}

TEST_P(OnEmulator, who_follows_what_three_servers_tell_at_two_servers_misses_none_and_gets_none_twice) {
  auto b = open(), c = open(), d = open();
  constexpr int kEach = 10;
  int writing = 6;
  std::vector<std::future<void>> writers;
  Store* servers[] = {a.get(), b.get(), c.get()};
  for (int w = 0; w < 6; ++w)
    writers.push_back(asio::co_spawn(loop,
                                     write_on(servers[w % 3], {"hello", "e" + std::to_string(w % 2)},
                                              "w" + std::to_string(w), kEach, &writing),
                                     asio::use_future));
  auto one = asio::co_spawn(loop, follow(c.get(), &writing), asio::use_future);
  auto two = asio::co_spawn(loop, follow(d.get(), &writing), asio::use_future);
  for (auto& w : writers) finish(std::move(w));
  auto seen = finish(std::move(one));
  EXPECT_EQ(seen, finish(std::move(two)));
  ASSERT_EQ(seen.size(), 6u * kEach);
  std::map<std::string, int> next;
  for (const FeedItem& i : seen)
    EXPECT_EQ(i.id, fmt::format("{0}/{1}", i.id.substr(0, 2), next[i.id.substr(0, 2)]++));
}

TEST_P(OnEmulator, a_write_of_several_things_whose_answer_was_lost_is_done_once_and_told_as_its_own) {
  LosesAnswers between(loop, emulator->host());
  auto s = fresh_store(loop.get_executor(), between.host_, name_space, kPatient);
  int lost = 0;
  auto losing = [&](Writes w) {
    between.lose = true;
    auto r = run(s->write_all(std::move(w), {}));
    EXPECT_EQ(between.lost, ++lost);
    if (!r) throw std::runtime_error(r.error().str());
    return *r;
  };
  Entry lock{"lock", "a", {}, 0};
  lock.revision = losing({.put = {lock}, .tell = {item("locked")}}).put.at(0);
  EXPECT_EQ(run(s->entry("lock", "a"))->revision, lock.revision);
  losing({.tell = {item("only told")}});
  losing({.remove = {lock}});  // which leaves nothing that could have its mark
  EXPECT_EQ(run(s->entry("lock", "a"))->revision, 0);
  EXPECT_EQ(run(s->write_all({.remove = {lock}}, {})).error().code, ErrorCode::conflict);

  Writes make;
  make.make = Writes::Make{deploy(), event("x")};
  make.make->deploy.request_id = "click";
  make.put = {{"lock", "b", {}, 0}};
  make.tell = {item("made")};
  make.tell[0].number = kMade;
  auto made = losing(make);
  EXPECT_FALSE(made.known);
  EXPECT_EQ(made.made->number, 1);
  EXPECT_EQ(made.put.at(0), run(s->entry("lock", "b"))->revision);
  EXPECT_TRUE(run(s->write_all(make, {}))->known);
  Writes change;
  change.change = {{*made.made, {event("y")}}};
  change.tell = {item("changed")};
  EXPECT_EQ(losing(change).changed.at(0).revision, 2);
  EXPECT_EQ(run(s->deploy_events(made.made->target, 1, 0, 10))->size(), 2u);

  between.lose = true;  // of the numbering
  auto all = run(s->feed(0, 10));
  EXPECT_EQ(between.lost, ++lost);
  ASSERT_TRUE(all) << all.error().str();
  std::vector<std::string> ids;
  for (const FeedItem& i : all->items) ids.push_back(i.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"locked", "only told", "made", "changed"}));
  EXPECT_EQ(all->items.back().seq, 4);
  EXPECT_EQ(all->items[2].number, 1);
  datastore::Api api(datastore::Place{"lemmy", "", name_space, ""},
                     *net::Client::create(loop.get_executor(), "http://" + emulator->host()), nullptr,
                     kPatient);
  datastore::Query q;
  q.kind = "LemmyMark";
  EXPECT_TRUE(run(api.query(q))->empty()) << "a mark stays only when its server dies";
}

TEST_P(OnEmulator, a_newer_schema_is_refused_and_left_as_it_was) {
  ASSERT_EQ(::setenv("DATASTORE_EMULATOR_HOST", emulator->host().c_str(), 1), 0);
  const std::string url = "datastore://lemmy?namespace=" + name_space;
  EXPECT_EQ(run(look_at(loop.get_executor(), url, true))->newest, 1);
  EXPECT_TRUE(run(open_store(loop.get_executor(), url)));
  datastore::Api api(datastore::Place{"lemmy", "", name_space, ""},
                     *net::Client::create(loop.get_executor(), "http://" + emulator->host()), nullptr,
                     kPatient);
  datastore::Entity newer(datastore::Key{"LemmySchema", "schema"});
  newer.set_integer("version", 99);
  std::vector<std::string> mutations{datastore::mutation("upsert", newer, api.place())};
  ASSERT_TRUE(run(api.write(std::move(mutations))));
  for (const Error& e : {run(open_store(loop.get_executor(), url)).error(),
                         run(look_at(loop.get_executor(), url, true)).error(),
                         run(open_for_reading(loop.get_executor(), url, Reading::beside)).error()}) {
    EXPECT_EQ(e.code, ErrorCode::conflict);
    EXPECT_NE(e.what.find("schema 99"), std::string::npos) << e.str();
  }
  ::unsetenv("DATASTORE_EMULATOR_HOST");
}

INSTANTIATE_TEST_SUITE_P(Datastore, OnEmulator, testing::Values(Emulator::Kind::datastore));
INSTANTIATE_TEST_SUITE_P(Firestore, OnEmulator, testing::Values(Emulator::Kind::firestore));

}  // namespace
}  // namespace lemmy::store
