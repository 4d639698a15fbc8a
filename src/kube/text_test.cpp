#include "kube/text.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace lemmy::kube {
namespace {

TEST(Text, reads_as_the_text_it_was_made_from) {
  Text none, a("web-1"), b = a;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none, "");
  EXPECT_EQ(a, b);
  EXPECT_EQ("pod " + a, "pod web-1");
  EXPECT_EQ(fmt::format("{:>7}", a), "  web-1");
  EXPECT_EQ(json::serialize(json::value{{"name", a}}), R"({"name":"web-1"})");
  b = "web-2";
  EXPECT_LT(a, b);
  EXPECT_EQ(std::string(a), "web-1");
  EXPECT_EQ(sizeof(Text), 8u);
}

TEST(Text, that_is_shared_is_there_once_and_goes_with_its_last_user) {
  const size_t before = Text::shared_count();
  {
    Text a = Text::shared("Running, only here"), b = Text::shared(std::string("Running, ") + "only here");
    EXPECT_EQ(a.view().data(), b.view().data());
    EXPECT_EQ(Text::shared_count(), before + 1);
    a = Text();
    EXPECT_EQ(b, "Running, only here");
  }
  EXPECT_EQ(Text::shared_count(), before);
}

TEST(Text, is_shared_between_threads) {
  const size_t before = Text::shared_count();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      std::vector<Text> mine(8);
      for (int i = 0; i < 20'000; ++i) {
        Text text = Text::shared("of all threads " + std::to_string((i + t) % 5));
        ASSERT_EQ(text, "of all threads " + std::to_string((i + t) % 5));
        mine[static_cast<size_t>(i) % mine.size()] = i % 3 ? std::move(text) : Text();
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(Text::shared_count(), before);
}

}  // namespace
}  // namespace lemmy::kube
