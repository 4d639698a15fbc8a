// Tables of an earlier release, and a migration that is not whole.
#include "store/earlier_test.h"

#include "store/copying.h"
#include "store/maintain.h"
#include "store/postgres/fixture.h"
#include "store/sqlite/fixture.h"

namespace lemmy::store::postgres {
namespace {

struct PostgresEarlier : Postgres {
  PostgresEarlier() {
    server.sql("DROP SCHEMA " + schema);
    server.sql(earlier::unzipped("postgres.sql.gz"));
    server.sql("RESET ALL");  // a dump sets search_path
    server.sql("ALTER SCHEMA lemmy_fixture RENAME TO " + schema);
  }
  const std::vector<Record> was = earlier::records("postgres.records.gz");
};

TEST_F(PostgresEarlier, tables_are_taken_forward_and_say_the_same) {
  auto store = open();
  earlier::Comparison c(*this, *store, was);
  c.same_records();
  c.same_answers();
  c.goes_on();
}

TEST_F(PostgresEarlier, tables_are_only_read_once_they_are_migrated) {
  EXPECT_EQ(run(look_at(loop.get_executor(), server.url(schema), true))->schema, 2);
  auto old = run(open_for_reading(loop.get_executor(), server.url(schema), Reading::alone));
  ASSERT_FALSE(old);
  EXPECT_TRUE(old.error().hint.starts_with("lemmy store migrate postgres://lemmy:***@")) << old.error().str();
  EXPECT_EQ(in_schema("SELECT version FROM lemmy_schema"), "2");
}

TEST_F(PostgresEarlier, backups_are_loaded_into_a_new_store_and_say_the_same) {
  schema = server.fresh_schema();
  auto store = open();
  ASSERT_TRUE(run(store->load(was)));
  earlier::Comparison c(*this, *store, was);
  c.same_records();
  c.same_answers();
  c.goes_on();
}

TEST_F(PostgresEarlier, tables_are_copied_to_sqlite_and_back_and_say_the_same) {
  auto from = open();
  auto between = *open_sqlite(loop.get_executor(), fresh_path());
  schema = server.fresh_schema();
  auto to = open();
  auto copy = [this](Store& a, Store& b) {
    return run(read_records(&a, [&](std::vector<Record> page) { return b.load(std::move(page)); }, {}))
        .value();
  };
  const Tallies all = copy(*from, *between);
  EXPECT_EQ(difference(all, copy(*between, *to)), "");
  for (Store* store : {static_cast<Store*>(between.get()), static_cast<Store*>(to.get())}) {
    earlier::Comparison c(*this, *store, was);
    c.same_records();
    c.same_answers();
    c.goes_on();
  }
}

TEST_F(PostgresEarlier, a_schema_that_is_half_migrated_is_refused_with_what_is_missing) {
  in_schema("CREATE TABLE lemmy_entries (x int)");
  auto more = try_open(server.url(schema));
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::internal);
  EXPECT_NE(more.error().what.find("it says 2, and lemmy_entries of a newer one is there"), std::string::npos)
      << more.error().str();
  EXPECT_EQ(in_schema("SELECT version FROM lemmy_schema"), "2");
  in_schema("DROP TABLE lemmy_entries");
  open();
  in_schema("DROP SEQUENCE lemmy_revisions");
  auto less = try_open(server.url(schema));
  ASSERT_FALSE(less);
  EXPECT_NE(less.error().what.find("lemmy_revisions is missing"), std::string::npos) << less.error().str();
  EXPECT_NE(less.error().hint.find("backup"), std::string::npos);
  EXPECT_EQ(run(look_at(loop.get_executor(), server.url(schema), true)).error().code, ErrorCode::internal);
}

}  // namespace
}  // namespace lemmy::store::postgres
