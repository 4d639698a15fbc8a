#include "hosts/run_document.h"

#include <gtest/gtest.h>

namespace lemmy::hosts {
namespace {

using namespace std::chrono_literals;
const Time kBegan = from_millis(1'790'000'000'000);

ansible::Progress run_on(const std::vector<std::string>& hosts, bool recap = true) {
  ansible::Progress p;
  p.expect({"a", "b", "c"});
  json::object ok;
  for (const std::string& h : hosts) {
    for (const char* kind : {"runner_on_start", "runner_on_ok"})
      p.feed(json::object{{"event", kind}, {"event_data", {{"host", h}, {"task", "t"}}}});
    ok[h] = 1;
  }
  if (recap) p.feed(json::object{{"event", "playbook_on_stats"}, {"event_data", {{"ok", ok}}}});
  p.over();
  return p;
}
RunOnHosts of(const ansible::Progress& p, Time at, bool over = true) {
  return read_run_document(run_document(p, at, over ? std::optional(at + 1min) : std::nullopt));
}
Instance ran(const std::string& host, InstanceState state, int64_t deploy, Time at) {
  Instance i;
  i.result.host = host;
  i.result.state = state;
  i.result.deploy = deploy;
  i.result.run_at = at;
  return i;
}

TEST(RunDocument, what_is_only_meant_is_not_touched) {
  const RunOnHosts prepared = read_run_document(run_document(run_on({}, false), {}, {}));
  EXPECT_EQ(prepared.meant, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(prepared.touched.empty());
  const RunOnHosts run = of(run_on({"a", "local"}), kBegan);
  EXPECT_EQ(run.touched, (std::map<std::string, bool>{{"a", true}})) << "local is no host of the target";
  EXPECT_EQ(run.meant.size(), 3u);
  EXPECT_EQ(of(run_on({"a"}, false), kBegan).touched, (std::map<std::string, bool>{{"a", false}}));
  EXPECT_EQ(of(run_on({}, false), kBegan, false).touched.size(), 3u) << "a server died: nobody knows";
  EXPECT_TRUE(read_run_document("no JSON").meant.empty());
}

TEST(RunDocument, what_a_host_has_is_what_touched_it_last) {
  const RunOnHosts all = of(run_on({"a", "b", "c"}), kBegan), one = of(run_on({"b"}), kBegan + 1h);
  EXPECT_EQ(still_there(all, 7, {}, {}), 3);
  EXPECT_EQ(still_there(all, 7, {one}, {}), 2) << "also when it went well on that host";
  EXPECT_EQ(still_there(all, 7, {of(run_on({}), kBegan + 1h)}, {}), 3) << "it reached nobody";
  EXPECT_EQ(still_there(all, 7, {one}, {ran("b", InstanceState::converged, 7, kBegan + 2h)}), 3);
  EXPECT_EQ(still_there(all, 7, {one}, {ran("b", InstanceState::converged, 7, kBegan + 1min)}), 2)
      << "before";
  EXPECT_EQ(still_there(all, 7, {}, {ran("a", InstanceState::failed, 0, kBegan + 2h)}), 2);
  EXPECT_EQ(still_there(all, 7, {}, {ran("a", InstanceState::running, 0, kBegan + 2h)}), 3);
  const RunOnHosts two = of(run_on({"a", "b"}), kBegan);
  EXPECT_EQ(still_there(two, 7, {}, {}), 2);
  EXPECT_EQ(still_there(two, 7, {}, {ran("c", InstanceState::converged, 7, kBegan + 2h)}), 3)
      << "when it booted";
  EXPECT_EQ(still_there(all, 7, {}, {ran("new", InstanceState::converged, 7, kBegan + 2h)}), 3);
}

}  // namespace
}  // namespace lemmy::hosts
