#include "access/log_ins.h"

#include <gtest/gtest.h>

namespace lemmy::access {
namespace {

using namespace std::chrono_literals;
const std::string kKey(32, 'k');

struct Guessed {
  LogIns log_ins;
  LogIns::Clock::time_point now{};
  Guessed() { log_ins.limit(10); }
  bool wrong(const LogIns::Try& t) { return log_ins.wait(t, now).count() == 0; }
  bool may(const LogIns::Try& t) {
    if (!wrong(t)) return false;
    log_ins.was_not_wrong(t);
    return true;
  }
  int wrong(const LogIns::Try& t, int times) {
    int n = 0;
    for (int i = 0; i < times; ++i) n += wrong(t);
    return n;
  }
};

TEST(LogIns, one_caller_locks_nobody_out) {
  Guessed g;
  EXPECT_EQ(g.wrong({"203.0.113.7", "admin", {}}, 500), 10);
  EXPECT_TRUE(g.may({"198.51.100.9", "admin", {}}));
}

TEST(LogIns, what_is_refused_by_the_callers_limit_counts_for_no_user) {
  Guessed g;
  g.wrong({"203.0.113.7", "dora", {}}, 10);
  for (int i = 0; i < 20'000; ++i) EXPECT_FALSE(g.may({"203.0.113.7", "user" + std::to_string(i), {}}));
  // Nor does it make room for more tries about somebody.
  EXPECT_FALSE(g.may({"203.0.113.7", "dora", {}}));
}

TEST(LogIns, many_strangers_together_are_stopped_but_hold_up_no_browser_that_is_known) {
  Guessed g;
  int wrong = 0;
  for (int i = 0; i < 100; ++i) wrong += g.wrong({"10.0.0." + std::to_string(i), "admin", {}}, 10);
  EXPECT_EQ(wrong, 100);
  EXPECT_FALSE(g.may({"198.51.100.9", "admin", {}}));
  const LogIns::Try known{"198.51.100.9", "admin", "some-device"};
  EXPECT_TRUE(g.may(known));
  EXPECT_EQ(g.wrong(known, 50), 9);  // which has limits of its own
  g.now += 1min;
  EXPECT_TRUE(g.may({"198.51.100.9", "admin", {}}));
}

TEST(LogIns, tries_that_are_not_judged_yet_count) {
  Guessed g;
  int taken = 0;
  for (int i = 0; i < 500; ++i)
    taken += g.log_ins.wait({"10.0." + std::to_string(i) + ".1", "admin", {}}, g.now).count() == 0;
  EXPECT_EQ(taken, 100);
  g.log_ins.was_not_wrong({"10.0.1.1", "admin", {}});
  EXPECT_TRUE(g.wrong({"10.9.1.1", "admin", {}}));
  EXPECT_FALSE(g.wrong({"10.9.2.1", "admin", {}}));
}

TEST(LogIns, right_passwords_use_up_nothing_of_a_user) {
  Guessed g;
  for (int i = 0; i < 300; ++i) EXPECT_TRUE(g.may({"10.0." + std::to_string(i) + ".1", "admin", {}}));
}

TEST(LogIns, a_device_is_of_one_user_and_of_this_server) {
  const std::string cookie = make_device(kKey, "admin");
  EXPECT_EQ(known_device(kKey, "admin", cookie), cookie.substr(0, cookie.find('.')));
  EXPECT_FALSE(known_device(kKey, "dora", cookie));
  EXPECT_FALSE(known_device(std::string(32, 'x'), "admin", cookie));
  for (const std::string& bad : {std::string(), std::string("."), cookie + "0", cookie.substr(1)})
    EXPECT_FALSE(known_device(kKey, "admin", bad)) << bad;
}

}  // namespace
}  // namespace lemmy::access
