#include "kube/watch.h"

#include <gtest/gtest.h>

#include "kube/objects.h"

namespace lemmy::kube {
namespace {
using namespace std::chrono_literals;

struct Recorder {
  std::vector<std::string> seen;
  WatchProtocol protocol{"/api/v1/pods",
                         "labelSelector=x",
                         {[this] { seen.push_back("begin"); }, [this] { seen.push_back("end"); },
                          [this](const json::object& o) { seen.push_back("+" + parse_meta(o).name); },
                          [this](const json::object& o) { seen.push_back("-" + parse_meta(o).name); }}};
  void page(PageHead head, const std::string& name) {
    protocol.on_page(head, [&] { seen.push_back("+" + name); });
  }
  void listed() { page({"10", ""}, "a"); }
  milliseconds delay() { return protocol.next().delay; }
};

TEST(Watch, lists_page_by_page_then_watches_from_the_list_s_version) {
  Recorder r;
  EXPECT_EQ(r.protocol.next().target, "/api/v1/pods?labelSelector=x&limit=500");
  r.page({"9", "t+1"}, "z");
  EXPECT_EQ(r.protocol.next().target, "/api/v1/pods?labelSelector=x&limit=500&continue=t%2B1");
  EXPECT_FALSE(r.protocol.synced());
  r.listed();
  EXPECT_EQ(r.seen, (std::vector<std::string>{"begin", "+z", "+a", "end"}));
  EXPECT_TRUE(r.protocol.synced());
  auto step = r.protocol.next();
  EXPECT_EQ(step.what, WatchProtocol::Do::watch);
  EXPECT_NE(step.target.find("resourceVersion=10"), std::string::npos);
}

TEST(Watch, goes_on_from_a_bookmark_and_reports_changes) {
  Recorder r;
  r.listed();
  ASSERT_TRUE(r.protocol.on_watch_line(
      R"({"type":"ADDED","object":{"metadata":{"name":"b","resourceVersion":"11"}}})", 1s));
  ASSERT_TRUE(r.protocol.on_watch_line(
      R"({"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"12"}}})", 1s));
  ASSERT_TRUE(
      r.protocol.on_watch_line(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"50"}}})", 1s));
  r.protocol.on_watch_closed(300s);
  EXPECT_NE(r.protocol.probe_target().find("labelSelector=x&watch=1&timeoutSeconds=1&resourceVersion=50"),
            std::string::npos);
  EXPECT_NE(r.protocol.next().target.find("resourceVersion=50"), std::string::npos);
  EXPECT_EQ(r.seen.back(), "-a");
}

TEST(Watch, lists_again_after_410_as_event_as_status_and_in_the_middle_of_a_list) {
  Recorder r;
  r.listed();
  EXPECT_FALSE(r.protocol.on_watch_line(R"({"type":"ERROR","object":{"code":410,"message":"too old"}})", 1s));
  EXPECT_EQ(r.protocol.next().what, WatchProtocol::Do::list);
  EXPECT_FALSE(r.protocol.synced());
  r.listed();
  ASSERT_TRUE(r.protocol.on_watch_refused(410, "", ""));
  EXPECT_EQ(r.protocol.next().what, WatchProtocol::Do::list);
  r.page({"", "t"}, "b");
  ASSERT_TRUE(r.protocol.on_list_refused(410, "", ""));
  EXPECT_EQ(r.protocol.next().target.find("continue"), std::string::npos);
}

TEST(Watch, backs_off_with_jitter_within_bounds_and_obeys_retry_after) {
  Recorder r;
  milliseconds before{0};
  for (int i = 0; i < 12; ++i) {
    EXPECT_FALSE(r.protocol.on_list_refused(503, "", ""));
    before = r.delay();
    EXPECT_GE(before, 250ms);
    EXPECT_LE(before, 30s);
  }
  EXPECT_GE(before, 15s);
  EXPECT_FALSE(r.protocol.on_list_refused(429, "{}", "60"));
  EXPECT_EQ(r.delay(), 60s);
  EXPECT_EQ(r.delay(), 0s);
  // One that is away is back soon, and asking costs it nothing.
  r.protocol.on_connection_lost(0s);
  EXPECT_LE(r.delay(), 8s);
}

TEST(Watch, that_ends_at_once_is_backed_off_from_until_one_lives) {
  Recorder r;
  r.listed();
  for (int i = 0; i < 12; ++i) {
    EXPECT_TRUE(r.protocol.on_watch_line(
        R"({"type":"ADDED","object":{"metadata":{"name":"b","resourceVersion":"11"}}})", 1s));
    r.protocol.on_watch_closed(1s);
    if (i > 8) EXPECT_GE(r.delay(), 15s) << i;
  }
  r.protocol.on_watch_closed(kLived);
  EXPECT_EQ(r.delay(), 0s);
  r.protocol.on_watch_closed(1s);
  EXPECT_LE(r.delay(), 500ms);
}

TEST(Watch, whose_every_version_is_too_old_does_not_list_without_end) {
  Recorder r;
  milliseconds waited{0};
  for (int i = 0; i < 12; ++i) {
    r.listed();
    EXPECT_TRUE(r.protocol.on_watch_refused(410, "", ""));
    waited = r.delay();
    if (i == 0) EXPECT_EQ(waited, 0s);
  }
  EXPECT_GE(waited, 15s);
}

TEST(Watch, asks_for_smaller_pages_when_one_is_too_large) {
  Recorder r;
  r.page({"9", "t"}, "z");
  std::vector<std::string> asked;
  for (int i = 0; i < 6; ++i) {
    r.protocol.on_page_too_large();
    auto step = r.protocol.next();
    asked.push_back(step.target.substr(step.target.find("limit=")));
    EXPECT_EQ(step.delay > 0s, i >= 4) << i;
  }
  EXPECT_EQ(asked,
            (std::vector<std::string>{"limit=125&continue=t", "limit=31&continue=t", "limit=7&continue=t",
                                      "limit=1&continue=t", "limit=1&continue=t", "limit=1&continue=t"}));
}

TEST(Watch, cut_in_the_middle_of_an_event_goes_on_from_the_version_before) {
  Recorder r;
  r.listed();
  EXPECT_FALSE(r.protocol.on_watch_line(R"({"type":"ADDED","object":{"metada)", 1s));
  auto step = r.protocol.next();
  EXPECT_NE(step.target.find("resourceVersion=10"), std::string::npos);
  EXPECT_GT(step.delay, milliseconds{0});
}

TEST(Watch, refusals_say_what_to_do) {
  Recorder r;
  EXPECT_EQ(r.protocol.on_list_refused(401, "", "").error().code, ErrorCode::unauthorized);
  auto e = r.protocol.on_list_refused(403, R"({"message":"pods is forbidden"})", "").error();
  EXPECT_EQ(e.what, "pods is forbidden");
  EXPECT_NE(e.hint.find("rights"), std::string::npos);
  r.protocol.on_no_list();
  EXPECT_GT(r.delay(), 0s);
}

}  // namespace
}  // namespace lemmy::kube
