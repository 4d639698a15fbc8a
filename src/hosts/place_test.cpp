#include <gtest/gtest.h>

#include "hosts/plan.h"

namespace lemmy::hosts {
namespace {

TEST(RunId, is_of_one_deploy_only) {
  Deploy a, b;
  a.target = {"a-b", "c"};
  b.target = {"a", "b-c"};
  a.number = b.number = 1;
  EXPECT_NE(run_id(a), run_id(b));
  b.target = a.target;
  EXPECT_EQ(run_id(a), run_id(b)) << "the same after a restart";
}

}  // namespace
}  // namespace lemmy::hosts
