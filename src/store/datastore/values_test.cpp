#include <gtest/gtest.h>

#include "base/crypto.h"
#include "store/datastore/api.h"

namespace lemmy::store::datastore {
namespace {

TEST(DatastoreUrl, names_project_database_and_namespace) {
  EXPECT_EQ(*parse_url("datastore://shop"), (Place{"shop", "", "", "datastore://shop"}));
  EXPECT_EQ(parse_url("datastore://shop/lemmy-eu")->database, "lemmy-eu");
  EXPECT_EQ(parse_url("datastore://shop/(default)")->database, "");
  auto whole = parse_url("datastore://example.com:shop/db?namespace=Team_1.x-y");
  EXPECT_EQ(whole->project, "example.com:shop");
  EXPECT_EQ(whole->name_space, "Team_1.x-y");
}

TEST(DatastoreUrl, that_is_none_says_how_to_write_it) {
  for (const char* bad :
       {"datastore:", "datastore://", "datastore:///db", "datastore://Shop", "datastore://a/b/c",
        "datastore://a?x=1", "datastore://a?namespace=a/b", "datastore://a?namespace=__x__"}) {
    auto p = parse_url(bad);
    ASSERT_FALSE(p) << bad;
    EXPECT_EQ(p.error().code, ErrorCode::invalid);
    EXPECT_TRUE(p.error().hint.contains("datastore://PROJECT")) << p.error().str();
  }
}

TEST(DatastoreKeys, of_different_parts_are_different) {
  EXPECT_NE(name_of({"a", "b/c"}), name_of({"a/b", "c"}));
  EXPECT_EQ(name_of({"a b", "c"}), "a%20b/c");
}

TEST(DatastoreKeys, sort_as_their_numbers_do) {
  std::vector<int64_t> numbers{INT64_MIN, -1000, -1, 0, 1, 9, 10, 1'790'000'000'000, INT64_MAX};
  for (size_t n = 1; n < numbers.size(); ++n) {
    EXPECT_LT(sortable(numbers[n - 1]), sortable(numbers[n]));
    EXPECT_GT(sortable(~numbers[n - 1]), sortable(~numbers[n]));
    EXPECT_EQ(sortable(numbers[n]).size(), 20u);
  }
}

TEST(DatastoreEntity, keeps_any_bytes) {
  Entity e(Key{"K", "n"});
  for (const std::string& bytes :
       {std::string("grüße 🚀"), std::string("a\0b", 3), std::string("\xff\xfe"), std::string()}) {
    e.set_text("x", bytes);
    EXPECT_EQ(e.text("x"), bytes);
    EXPECT_TRUE(bool_or(e.properties["x"].get_object(), "excludeFromIndexes"));
  }
  e.set_integer("n", INT64_MIN);
  EXPECT_EQ(e.integer("n"), INT64_MIN);
  EXPECT_EQ(e.integer("absent"), 0);
  EXPECT_EQ(e.text("absent"), "");
}

TEST(DatastoreEntity, with_a_long_body_is_compressed_and_comes_back) {
  for (size_t size : {10u, 100'000u}) {
    Entity e(Key{"K", "n"});
    json::object o{{"text", std::string(size, 'x')}};
    e.set_body(o);
    EXPECT_LT(json::serialize(e.properties).size(), 1000u);
    EXPECT_EQ(e.body()->get_object(), o);
  }
  Entity damaged(Key{"K", "n"});
  damaged.set_body({{"text", std::string(100'000, 'x')}});
  damaged.set_bytes("body", "no zlib");
  EXPECT_EQ(damaged.body().error().code, ErrorCode::internal);
}

TEST(DatastoreEntity, comes_back_from_the_wire_as_it_went) {
  Place place{"shop", "db", "ns", ""};
  for (const Key& key : {Key{"K", "a/b"}, Key{"K", "", 1'790'000'000'000'123}})
    EXPECT_EQ(key_from_json(to_json(key, place)), key);
  EXPECT_EQ(
      json::serialize(to_json(Key{"K", "a"}, place)),
      R"({"partitionId":{"projectId":"shop","databaseId":"db","namespaceId":"ns"},"path":[{"kind":"K","name":"a"}]})");
}

TEST(DatastoreRetry, waits_longer_each_time_and_gives_up_when_its_patience_ends) {
  auto start = Clock::now();
  Retry retry(
      {.patience = milliseconds{1000}, .first_wait = milliseconds{100}, .longest_wait = milliseconds{400}},
      start);
  Error error{ErrorCode::unavailable};
  for (int most : {100, 200, 400, 400}) {
    auto wait = retry.after(error, start);
    ASSERT_TRUE(wait);
    EXPECT_LE(wait->count(), most);
    EXPECT_GE(wait->count(), most / 2);
  }
  EXPECT_FALSE(retry.after(error, start + milliseconds{950}));
}

TEST(DatastoreRetry, tries_an_internal_error_once_more_and_a_refusal_never) {
  Retry retry({});
  EXPECT_TRUE(retry.after({ErrorCode::conflict}));
  EXPECT_TRUE(retry.after({ErrorCode::internal}));
  EXPECT_TRUE(retry.after({ErrorCode::timeout}));
  EXPECT_FALSE(retry.after({ErrorCode::internal}));
  EXPECT_FALSE(retry.after({ErrorCode::rejected}));
  EXPECT_FALSE(retry.after({ErrorCode::cancelled}));
}

TEST(DatastoreErrors, mean_what_google_says_they_mean) {
  Place place{"shop", "", "", "datastore://shop"};
  auto of = [&](int status, const std::string& name, const std::string& message = "m") {
    return to_error(status, R"({"error":{"code":1,"status":")" + name + R"(","message":")" + message + "\"}}",
                    place);
  };
  EXPECT_EQ(of(409, "ABORTED").code, ErrorCode::conflict);
  EXPECT_EQ(of(409, "ALREADY_EXISTS").code, ErrorCode::conflict);
  EXPECT_EQ(of(400, "INVALID_ARGUMENT", "The referenced transaction has expired").code, ErrorCode::conflict);
  EXPECT_EQ(of(400, "INVALID_ARGUMENT", "key path").code, ErrorCode::rejected);
  EXPECT_EQ(of(503, "UNAVAILABLE").code, ErrorCode::unavailable);
  EXPECT_EQ(of(504, "DEADLINE_EXCEEDED").code, ErrorCode::timeout);
  EXPECT_EQ(of(429, "RESOURCE_EXHAUSTED").code, ErrorCode::unavailable);
  EXPECT_EQ(of(500, "INTERNAL").code, ErrorCode::internal);
  EXPECT_EQ(to_error(502, "<html>", place).code, ErrorCode::unavailable);
  EXPECT_TRUE(of(403, "PERMISSION_DENIED").hint.contains("roles/datastore.user"));
  EXPECT_TRUE(of(404, "NOT_FOUND").hint.contains("--type=datastore-mode"));
}

TEST(DatastoreErrors, of_a_missing_index_say_how_to_make_it) {
  Error e = to_error(400,
                     R"({"error":{"code":400,"status":"FAILED_PRECONDITION",
                         "message":"no matching index found. recommended index is: - kind: LemmyBuild"}})",
                     {"shop", "eu", "", "datastore://shop/eu"});
  EXPECT_EQ(e.code, ErrorCode::rejected);
  EXPECT_TRUE(e.what.contains("no matching index found")) << e.str();
  EXPECT_TRUE(e.hint.contains(
      "gcloud datastore indexes create share/datastore/index.yaml --project shop --database eu"))
      << e.str();
}

}  // namespace
}  // namespace lemmy::store::datastore
