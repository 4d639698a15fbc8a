#include "live/view.h"

#include <gtest/gtest.h>

namespace lemmy::live {
namespace {

TEST(Events, that_pods_of_one_controller_say_alike_are_one_row) {
  const std::string uid = "80340116-ccfe-40bc-adb8-c6385d667331";
  EXPECT_EQ(
      without_names("Back-off restarting failed container app in pod hello-abc-1-bw5q6_staging(" + uid + ")",
                    "hello-abc-1"),
      "Back-off restarting failed container app in pod hello-abc-1-*_staging");
  EXPECT_EQ(without_names("Created pod: hello-abc-1-bw5q6", "hello-abc-1"), "Created pod: hello-abc-1-*");
}

TEST(Events, of_other_names_stay_as_they_are) {
  for (const char* text :
       {"Created pod: other-abc-1-bw5q6", "hello-abc-1- and hello-abc-1-x", "back-off (10s) (", ""})
    EXPECT_EQ(without_names(text, "hello-abc-1"), text);
  EXPECT_EQ(without_names("a (b)", ""), "a (b)");
}

TEST(Ages, begin_at_a_second) { EXPECT_EQ(age(now()), "1 s"); }

}  // namespace
}  // namespace lemmy::live
