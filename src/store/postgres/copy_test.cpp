// From SQLite to PostgreSQL and back; and what `lemmy store` reads without changing it.
#include "store/copying.h"
#include "store/maintain.h"
#include "store/postgres/fixture.h"
#include "store/sqlite/fixture.h"

namespace lemmy::store::postgres {
namespace {

struct PostgresCopy : Postgres {
  static lemmy::Deploy sample() {
    lemmy::Deploy d = deploy();
    d.request_id = "r\"1";
    d.note = "grüße \\ \x01";
    return d;
  }
  void fill(Store& s) {
    Build b = build("abcdef0", 1'790'000'000'123);
    b.author = std::string("A\0da", 4);  // which no column of text can keep
    b.message = std::string("m\0\xff", 3);
    Delivery d = delivery("1");
    d.body = std::string("\0\xfe\xff", 3);
    ASSERT_TRUE(run(s.accept(d, b)));
    d.verdict = "refused";
    d.id = "\xff";
    for (int n = 0; n < 3; ++n) ASSERT_TRUE(run(s.accept(d, std::nullopt)));
    auto made = run(s.create_deploy(sample(), event("a")));
    ASSERT_TRUE(made) << made.error().str();
    for (int n = 0; n < 300; ++n) {
      made = run(s.update_deploy(*made, {event(std::to_string(n))}));
      ASSERT_TRUE(made) << made.error().str();
    }
    ASSERT_TRUE(run(s.put_document(made->target, 1, "log", random_bytes(2 << 20))));
    ASSERT_TRUE(run(s.put_document(made->target, 1, "final", "{\"a\": 1}")));
    d.hook = "instance";
    d.verdict = "accepted";
    ASSERT_TRUE(run(s.accept_instance(
        d, InstanceCall{
               {"hello", "staging"}, "i-1", "10.0.0.1", "token hello", from_millis(5), from_millis(4)})));
  }
  Tallies copied(Store& from, Store& to) {
    auto read =
        run(read_records(&from, [&](std::vector<Record> page) { return to.load(std::move(page)); }, {}));
    if (!read) throw std::runtime_error(read.error().str());
    return *read;
  }
  Tallies tallies(Store& s) { return *run(read_records(&s, {}, {})); }
};

TEST_F(PostgresCopy, to_it_and_back_to_sqlite_changes_no_record) {
  auto first = *open_sqlite(loop.get_executor(), fresh_path());
  auto last = *open_sqlite(loop.get_executor(), fresh_path());
  auto between = open();
  fill(*first);
  const Tallies all = copied(*first, *between);
  EXPECT_EQ(all.at(RecordKind::event).count(), 301);
  EXPECT_EQ(difference(all, tallies(*between)), "");
  EXPECT_EQ(difference(all, copied(*between, *last)), "");
  EXPECT_EQ(difference(all, tallies(*last)), "");
}

TEST_F(PostgresCopy, from_a_store_made_here_to_sqlite_changes_no_record) {
  auto first = open();
  auto last = *open_sqlite(loop.get_executor(), fresh_path());
  fill(*first);
  EXPECT_EQ(difference(copied(*first, *last), tallies(*last)), "");
}

TEST_F(PostgresCopy, a_difference_is_told_by_kind) {
  auto a = open();
  fill(*a);
  Tallies before = tallies(*a);
  ASSERT_TRUE(run(a->put_document({"hello", "staging"}, 1, "final", "{\"a\": 2}")));
  EXPECT_EQ(difference(before, tallies(*a)), "2 records of kind document are not all the same");
  ASSERT_TRUE(run(a->accept(delivery("2"), std::nullopt)));
  EXPECT_TRUE(difference(before, tallies(*a)).starts_with("5 records of kind delivery here, 6 there"));
}

TEST_F(PostgresCopy, what_is_only_read_is_as_it_was_at_one_moment_and_takes_no_writes) {
  auto writer = open();
  fill(*writer);
  auto reader = run(open_for_reading(loop.get_executor(), server.url(schema), Reading::beside));
  ASSERT_TRUE(reader) << reader.error().str();
  const Tallies before = tallies(**reader);
  ASSERT_TRUE(run(writer->accept(delivery("later"), build("abcdef9", 1))));
  EXPECT_EQ(tallies(**reader), before);
  EXPECT_NE(tallies(*writer), before);
  EXPECT_FALSE(run((*reader)->accept(delivery("no"), std::nullopt)));
  // On a new connection it would be another moment.
  kill_connections();
  auto lost = run((*reader)->dump(RecordKind::build, {}));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::unavailable);
}

TEST_F(PostgresCopy, looking_makes_and_migrates_nothing) {
  auto about = run(look_at(loop.get_executor(), server.url(schema), true));
  ASSERT_TRUE(about) << about.error().str();
  EXPECT_EQ(about->schema, 0);
  auto none = run(open_for_reading(loop.get_executor(), server.url(schema), Reading::alone));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::conflict);
  EXPECT_EQ(in_schema("SELECT to_regclass('lemmy_schema') IS NULL"), "t");
}

}  // namespace
}  // namespace lemmy::store::postgres
