// A defect that ends a step by an exception costs one deploy, and holds up no other.
#include "pods/conducting_test.h"

namespace lemmy::pods {
namespace {

using Thrown = Conducting;

TEST_F(Thrown, while_it_was_prepared_the_deploy_fails_and_the_next_goes_on) {
  run([this]() -> Task<> {
    store->throw_on_put = 1;
    const int64_t first = co_await ask();
    const bool failed = co_await becomes(first, is_over);
    EXPECT_TRUE(failed);
    const Deploy* d = conductor->find(kTarget, first);
    EXPECT_EQ(d->phase, Phase::failed);
    EXPECT_NE(d->cause.value_or(Cause{}).summary.find("it failed itself: boom"), std::string::npos);
    co_await ask_live();
  });
}

TEST_F(Thrown, while_it_was_applied_it_is_tried_again) {
  run([this]() -> Task<> {
    store->throw_on_read = 2;
    const int64_t number = co_await ask_live();
    EXPECT_EQ(store->throw_on_read, 0);
    EXPECT_EQ(conductor->find(kTarget, number)->phase, Phase::live);
  });
}

TEST_F(Thrown, again_and_again_it_fails_the_deploy) {
  run([this]() -> Task<> {
    store->throw_on_read = 1'000;
    const int64_t number = co_await ask();
    const bool over = co_await becomes(number, is_over, 60s);
    EXPECT_TRUE(over);
    EXPECT_EQ(conductor->find(kTarget, number)->phase, Phase::failed);
    store->throw_on_read = 0;
  });
}

}  // namespace
}  // namespace lemmy::pods
