#include "store/measured.h"

#include <gmock/gmock.h>

#include "base/metrics.h"
#include "store/sample_test.h"

namespace lemmy::store {
namespace {

using testing::HasSubstr;

struct Measuring : testing::Test, Samples {
  // Of what the store below it answers; an error is told by the code.
  struct Below : Forwarding {
    explicit Below(Result<Build> answer) : Forwarding(nullptr), answer(std::move(answer)) {}
    Task<Result<Build>> build(std::string, std::string) override { co_return answer; }
    Task<Result<>> check() override {
      co_await sleep_for(std::chrono::hours{1});
      co_return Result<>{};
    }
    Result<Build> answer;
  };
  static std::string calls(const char* op, const char* outcome) {
    const std::string series =
        fmt::format("lemmy_store_operation_seconds_count{{op=\"{}\",outcome=\"{}\"}} ", op, outcome);
    const std::string all = metrics::text();
    const size_t at = all.find(series);
    return at == all.npos ? "" : all.substr(at + series.size(), all.find('\n', at) - at - series.size());
  }
};

TEST_F(Measuring, counts_calls_by_their_outcome_and_hands_the_answer_on) {
  Measured good(std::make_unique<Below>(build("abcdef0", 1)));
  EXPECT_EQ(run(good.build("hello", "abcdef0"))->sha, "abcdef0");
  EXPECT_EQ(run(good.build("hello", "abcdef0"))->sha, "abcdef0");
  Measured bad(std::make_unique<Below>(fail(ErrorCode::unavailable, "disk", "it is full")));
  EXPECT_EQ(run(bad.build("hello", "abcdef0")).error().what, "it is full");
  EXPECT_EQ(calls("build", "ok"), "2");
  EXPECT_EQ(calls("build", "unavailable"), "1");
  EXPECT_THAT(metrics::text(),
              HasSubstr("lemmy_store_operation_seconds_bucket{op=\"build\",outcome=\"ok\",le=\"+Inf\"} 2"));
}

TEST_F(Measuring, counts_a_call_whose_caller_did_not_wait_for_its_end) {
  Measured slow(std::make_unique<Below>(build("abcdef0", 1)));
  auto late = run(with_deadline(slow.check(), milliseconds{5}, "the store"));
  EXPECT_EQ(late.error().code, ErrorCode::timeout);
  EXPECT_EQ(calls("check", "cut"), "1");
}

}  // namespace
}  // namespace lemmy::store
