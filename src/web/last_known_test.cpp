#include "web/last_known.h"

#include <gtest/gtest.h>

namespace lemmy::web {
namespace {

TEST(LastKnown, the_newest_of_a_page_is_kept_with_its_time) {
  LastKnown known(2);
  EXPECT_EQ(known.find("/a"), nullptr);
  known.keep("/a", {{"n", 1}}, from_millis(1));
  known.keep("/a", {{"n", 2}}, from_millis(2));
  ASSERT_NE(known.find("/a"), nullptr);
  EXPECT_EQ(known.find("/a")->data.at("n"), 2);
  EXPECT_EQ(known.find("/a")->at, from_millis(2));
}

TEST(LastKnown, of_too_many_pages_the_one_that_nobody_asks_for_goes) {
  LastKnown known(2);
  known.keep("/a", {}, {});
  known.keep("/b", {}, {});
  known.find("/a");
  known.keep("/c", {}, {});
  EXPECT_EQ(known.size(), 2u);
  EXPECT_EQ(known.find("/b"), nullptr);
  EXPECT_NE(known.find("/a"), nullptr);
}

}  // namespace
}  // namespace lemmy::web
