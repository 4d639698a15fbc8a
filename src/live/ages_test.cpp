#include "live/ages.h"

#include <gtest/gtest.h>

namespace lemmy::live {
namespace {

TEST(Ages, are_dropped_at_any_depth_and_nothing_else_is) {
  json::value v = *parse_json(
      R"({"age": "3 s", "deploy": {"age": "1 min", "created_at": "2026-01-01T00:00:00Z", "name": "age"},
          "pods": [{"age": "5 s", "restarts": 2}, "age", null], "next_in": "in 4 s", "image": {"age": {"age": "x"}}})",
      "test");
  drop_ages(v);
  EXPECT_EQ(v, *parse_json(
                   R"({"age": "", "deploy": {"age": "", "created_at": "2026-01-01T00:00:00Z", "name": "age"},
          "pods": [{"age": "", "restarts": 2}, "age", null], "next_in": "", "image": {"age": {"age": ""}}})",
                   "test"));
}

}  // namespace
}  // namespace lemmy::live
