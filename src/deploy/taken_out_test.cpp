// Whom a roll back takes out, and who gets requests when it is gone.
#include "deploy/turns_fixture_test.h"

namespace lemmy::deploy {
namespace {

TEST_F(Turns, what_is_let_in_for_a_roll_back_that_is_gone_is_what_serves_and_nothing_older) {
  back.phase = Phase::live;
  back.serves = 5;
  back.serving_since = Time{};
  back.number = 5;
  back.rollback_of = 1;
  back.follows = 4;
  back.presence = Presence::zeroed;
  bad.out_by = 5;
  for (int64_t n : {3, 4}) {
    others.push_back(made(n, Phase::live));
    others.back().serves = n;
    others.back().serving_since = Time{};
    others.back().out_by = 5;
  }
  EXPECT_EQ(now(), (Each{{4, 0}}));
  ready[4] = Ready::no;
  EXPECT_EQ(now(), (Each{{3, 0}, {4, 0}})) << "the next best, while that which serves cannot";
}

TEST_F(Turns, a_roll_back_where_nothing_served_takes_out_what_came_after_it) {
  back.follows.reset();
  bad.phase = Phase::failed;
  bad.serving_since.reset();
  quarantine = false;
  back.phase = Phase::settling;
  EXPECT_EQ(now(), (Each{{2, 3}}));
  EXPECT_EQ(taken_out_by_rollback({bad}, 1, 0).out, std::vector<int64_t>{2});
}

TEST_F(Turns, a_roll_back_is_known_before_it_begins_by_whom_it_takes_out) {
  auto one = [&](int64_t number, int64_t out_by = 0) {
    Deploy d = bad;
    d.number = number;
    d.out_by = out_by;
    return d;
  };
  std::vector<Deploy> all{one(1), one(2), one(3), one(4, 4), one(5), one(6)};
  all[4].presence = Presence::zeroed;
  TakenOut found = taken_out_by_rollback(all, 2, 6);
  EXPECT_EQ(found.out, (std::vector<int64_t>{3, 6}));
  EXPECT_EQ(found.stay, (std::vector<int64_t>{1, 2}));
  // What was restored serves, though it is older.
  found = taken_out_by_rollback(all, 2, 1);
  EXPECT_EQ(found.out, (std::vector<int64_t>{1, 3, 6}));
  EXPECT_EQ(taken_out_by_rollback({}, 2, 0).out, std::vector<int64_t>{});
}

}  // namespace
}  // namespace lemmy::deploy
