#include "web/lru.h"

#include <gtest/gtest.h>

namespace lemmy::web {
namespace {

TEST(Lru, the_newest_of_a_key_is_kept) {
  Lru<int> kept(2);
  EXPECT_EQ(kept.find("/a"), nullptr);
  kept.keep("/a", 1);
  kept.keep("/a", 2);
  ASSERT_NE(kept.find("/a"), nullptr);
  EXPECT_EQ(*kept.find("/a"), 2);
  EXPECT_EQ(kept.size(), 1u);
}

TEST(Lru, of_too_many_keys_the_one_that_nobody_asks_for_goes) {
  Lru<int> kept(2);
  kept.keep("/a", 1);
  kept.keep("/b", 2);
  kept.find("/a");
  kept.keep("/c", 3);
  EXPECT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept.find("/b"), nullptr);
  EXPECT_NE(kept.find("/a"), nullptr);
}

}  // namespace
}  // namespace lemmy::web
