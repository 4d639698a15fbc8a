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

TEST(RunId, tells_what_is_repeated_under_it) {
  Deploy d;
  d.target = {"web", "prod"};
  d.number = 12;
  EXPECT_TRUE(is_of_deploy(run_id(d)));
  EXPECT_FALSE(is_of_deploy(run_id(d.target, "12-1790000000000")));
  EXPECT_FALSE(is_of_deploy(deploy::dry_run_id(d.target)));
  EXPECT_FALSE(is_of_deploy(".ansible"));
}

}  // namespace
}  // namespace lemmy::hosts
