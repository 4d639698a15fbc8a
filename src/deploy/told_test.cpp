// What the feed is told of a deploy's change.
#include "deploy/told.h"

#include <gtest/gtest.h>

#include <set>

namespace lemmy::deploy {
namespace {

struct Telling : testing::Test {
  Deploy was;
  Telling() {
    was.target = {"web", "production"};
    was.number = 17;
    was.revision = 4;
    was.sha = "0123abc";
    was.who = "ada";
    was.request_id = "click";
    was.phase = Phase::rolling_out;
    was.presence = Presence::running;
  }
  static DeployEvent by(std::string who) {
    DeployEvent e;
    e.who = std::move(who);
    e.at = from_millis(1000);
    return e;
  }
  template <class F>
  std::vector<std::string> what(F change) const {
    Deploy is = was;
    change(is);
    std::vector<std::string> out;
    for (const auto& i : told(&was, is, {by("lemmy")})) out.emplace_back(i.body.at("what").as_string());
    return out;
  }
  using Whats = std::vector<std::string>;
};

TEST_F(Telling, changes_that_people_want_to_hear_of_and_no_others) {
  EXPECT_EQ(what([](Deploy& d) { d.phase = Phase::settling, d.note = "x", d.running = 3; }), Whats{});
  EXPECT_EQ(what([](Deploy& d) { d.wanted = Wanted::zeroed; }), Whats{});
  EXPECT_EQ(what([](Deploy& d) { d.phase = Phase::live; }), Whats{"live"});
  EXPECT_EQ(what([](Deploy& d) { d.phase = Phase::live, d.rollback_of = 3; }), Whats{"rolled_back"});
  EXPECT_EQ(what([](Deploy& d) { d.phase = Phase::superseded; }), Whats{"superseded"});
  EXPECT_EQ(what([](Deploy& d) { d.phase = Phase::cancelled; }), Whats{"cancelled"});
  EXPECT_EQ(what([](Deploy& d) { d.phase = Phase::failed, d.presence = Presence::deleted; }),
            (Whats{"failed", "deleted"}));
  EXPECT_EQ(what([](Deploy& d) { d.presence = Presence::zeroed; }), Whats{"zeroed"});
  EXPECT_EQ(what([](Deploy& d) { d.presence = Presence::none; }), Whats{"replaced"});
  EXPECT_EQ(what([](Deploy& d) { d.out_by = 18; }), Whats{"taken_out"});
  was.out_by = 18;
  EXPECT_EQ(what([](Deploy& d) { d.out_by = 0; }), Whats{"let_in"});
  was.presence = Presence::zeroed;
  EXPECT_EQ(what([](Deploy& d) { d.presence = Presence::running, d.out_by = 0; }),
            (Whats{"restored", "let_in"}));
  was.presence = Presence::none;
  EXPECT_EQ(what([](Deploy& d) { d.presence = Presence::running; }), Whats{});
  was.phase = Phase::queued;
  EXPECT_EQ(what([](Deploy& d) { d.phase = Phase::preparing; }), Whats{"started"});
}

TEST_F(Telling, an_item_says_what_happened_and_the_first_cause_in_one_printable_line) {
  Deploy is = was;
  is.phase = Phase::failed;
  is.rollback_of = 3;
  is.release = "r1";
  is.cause = Cause{};
  is.cause->summary = "container app:\n\x1b[31mexit code 3\xff" + std::string(1000, 'x');
  is.cause->log_tail = "password=hunter2";
  auto items = told(&was, is, {by("lemmy")});
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].target, was.target);
  EXPECT_EQ(items[0].number, 17);
  EXPECT_EQ(items[0].kind, "deploys");
  EXPECT_EQ(to_millis(items[0].at), 1000);
  const json::object& b = items[0].body;
  EXPECT_EQ(b.at("phase_before"), "rolling_out");
  EXPECT_EQ(b.at("phase"), "failed");
  EXPECT_EQ(b.at("build"), "0123abc");
  EXPECT_EQ(b.at("asked_by"), "ada");
  EXPECT_EQ(b.at("rollback_of"), 3);
  EXPECT_EQ(b.at("release"), "r1");
  const std::string cause(b.at("cause").as_string());
  EXPECT_TRUE(cause.starts_with("container app:  [31mexit code 3\xef\xbf\xbd")) << cause;
  EXPECT_LE(cause.size(), 303u);
  EXPECT_EQ(json::serialize(b).find("hunter2"), std::string::npos);
}

TEST_F(Telling, who_asked_for_it_did_it_though_lemmy_does_it_later) {
  Deploy is = was;
  is.phase = was.phase = Phase::live;
  was.presence = Presence::running;
  is.presence = Presence::zeroed;
  is.wanted_by =
      "gr\x1b"
      "ace";
  EXPECT_EQ(told(&was, is, {by("lemmy")})[0].body.at("who"), "gr ace");
  EXPECT_EQ(told(&was, is, {by("lemmy")})[0].body.at("asked_by"), "ada");
  is.presence = Presence::none;  // replaced on its hosts, whatever was asked for before
  EXPECT_EQ(told(&was, is, {by("lemmy")})[0].body.at("who"), "lemmy");
  is.presence = Presence::deleted;
  is.wanted_by.clear();
  EXPECT_EQ(told(&was, is, {by("lemmy")})[0].body.at("who"), "lemmy");
}

TEST_F(Telling, two_changes_never_have_one_id_and_a_repeated_one_has_its_own_again) {
  Deploy is = was;
  is.phase = Phase::failed;
  is.presence = Presence::deleted;
  std::set<std::string> ids;
  auto take = [&](const Deploy* before, const Deploy& after) {
    for (const auto& i : told(before, after, {})) {
      EXPECT_TRUE(ids.insert(i.id).second) << i.id;
      EXPECT_TRUE(store::check_writes({.make = store::Writes::Make{after, {}}, .tell = {i}})) << i.id;
    }
  };
  take(&was, is);
  EXPECT_TRUE(ids.contains("web/production/17/5/failed"));
  EXPECT_EQ(told(&was, is, {})[0].id, told(&was, is, {by("x")})[0].id);
  was.revision = is.revision = 5;
  take(&was, is);
  take(nullptr, was);
  was.request_id = std::string(128, 'r');
  take(nullptr, was);
  was.number = is.number = 18;
  take(&was, is);
  was.target = is.target = {std::string(40, 'p'), std::string(63, 'e')};
  take(&was, is);
  take(nullptr, was);
  was.target = is.target = {"w eb", "ü"};
  take(&was, is);
  take(nullptr, was);
}

}  // namespace
}  // namespace lemmy::deploy
