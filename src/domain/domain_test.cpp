#include <gtest/gtest.h>

#include "domain/build.h"
#include "domain/deploy.h"
#include "domain/names.h"

namespace lemmy {
namespace {

TEST(Names, a_project_is_a_dns_1035_label_of_at_most_40) {
  for (auto good : {"a", "hello-world", "a1", "x234567890123456789012345678901234567890"})
    EXPECT_TRUE(check_project_name(good)) << good;
  for (auto bad : {"", "1a", "-a", "a-", "A", "a_b", "a.b", "ä", "x2345678901234567890123456789012345678901"})
    EXPECT_FALSE(check_project_name(bad)) << bad;
}

TEST(Names, an_environment_is_a_dns_1123_label) {
  EXPECT_TRUE(check_environment_name("1-staging"));
  for (auto bad : {"", "Staging", "a/b", "-x", "x-"}) EXPECT_FALSE(check_environment_name(bad)) << bad;
}

TEST(Names, a_sha_is_7_to_64_lower_case_hex) {
  EXPECT_TRUE(check_sha("abcdef0"));
  EXPECT_TRUE(check_sha(std::string(64, 'a'))) << "of a repository with SHA-256 objects";
  for (const std::string& bad : {std::string("abcdef"), std::string("ABCDEF0"), std::string("ghijklm"),
                                 std::string(), std::string(65, 'a')})
    EXPECT_FALSE(check_sha(bad)) << bad;
}

TEST(Names, label_values_are_made_safe) {
  EXPECT_EQ(label_value("feature/JIRA-7 x"), "feature-JIRA-7-x");
  EXPECT_EQ(label_value("--main--"), "main");
  EXPECT_EQ(label_value("///"), "");
  EXPECT_LE(label_value(std::string(200, 'b')).size(), 63u);
}

TEST(Names, an_object_name_always_fits_in_63_and_is_repeatable) {
  std::string sha(40, 'a');
  EXPECT_EQ(object_name("hello", sha, 7), "hello-aaaaaaaaaaaa-7");
  EXPECT_EQ(object_name(std::string(40, 'p'), sha, 123456789).size(), 63u);
  EXPECT_LE(object_name(std::string(40, 'p'), sha, 12345678901234).size(), 63u);
}

TEST(Build, needs_a_branch_and_a_web_address) {
  Build b{"hello", "abcdef0", "main"};
  EXPECT_TRUE(check_build(b));
  b.url = "javascript:alert(1)";
  EXPECT_EQ(check_build(b).error().where, "url");
  b.url = "";
  b.branch = "";
  EXPECT_EQ(check_build(b).error().where, "branch");
  b.branch = std::string(256, 'x');
  EXPECT_FALSE(check_build(b));
}

TEST(Build, survives_json) {
  Build b{"hello", "abcdef0",      "main",         "r/i@sha256:1", "https://x/1",
          "ann",   "fix \"it\"\n", from_millis(5), from_millis(7)};
  EXPECT_EQ(build_from_json(to_json(b)), b);
}

TEST(Deploy, survives_json_with_every_field_set) {
  Deploy d;
  d.target = {"hello", "staging"};
  d.number = 12;
  d.sha = "abcdef0";
  d.branch = "main";
  d.image = "i";
  d.deployer = Deployer::ansible;
  d.cluster = "c";
  d.phase = Phase::settling;
  d.presence = Presence::zeroed;
  d.wanted = Wanted::deleted;
  d.running = 3;
  d.who = "ann";
  d.reason = "because";
  d.request_id = "r";
  d.release = "0123456789ab";
  d.rollback_of = 4;
  d.follows = 11;
  d.created_at = from_millis(1);
  d.phase_at = from_millis(2);
  d.progress_at = from_millis(3);
  d.ready_since = from_millis(4);
  d.serving_since = from_millis(5);
  d.finished_at = from_millis(6);
  d.most_ready = 2;
  d.object_name = "o";
  d.replicas = 5;
  d.config_map = "cm";
  d.secret_version = "99";
  d.cause = Cause{"s", "p", "c",   "r",    137,
                  "m", "h", "log", "prev", {{"Warning", "BackOff", "msg", 7, from_millis(8)}}};
  d.note = "n";
  d.cancel_requested_by = "bob";
  d.scale_to = 4;
  d.revision = 42;
  auto back = deploy_from_json(*parse_json(json::serialize(to_json(d)), "t"));
  ASSERT_TRUE(back) << back.error().str();
  EXPECT_EQ(*back, d);
}

TEST(Deploy, of_an_unknown_phase_is_refused_not_guessed) {
  EXPECT_FALSE(deploy_from_json(json::object{{"phase", "dancing"}}));
}

TEST(CurrentDeploy, is_the_running_one_that_went_live_or_was_restored_last) {
  auto make = [](int64_t n, Presence p, int since) {
    Deploy d;
    d.number = n;
    d.presence = p;
    if (since) d.serving_since = from_millis(since);
    return d;
  };
  std::vector<Deploy> ds{make(1, Presence::running, 50), make(2, Presence::running, 40),
                         make(3, Presence::zeroed, 60), make(4, Presence::running, 0)};
  EXPECT_EQ(current_deploy(ds)->number, 1);
  EXPECT_EQ(current_deploy({}), nullptr);
}

TEST(DeployPlaces, the_whole_is_as_far_as_the_place_that_is_furthest_behind) {
  auto places = [](std::vector<Phase> phases) {
    std::vector<DeployPlace> out;
    for (Phase p : phases) out.push_back({.phase = p});
    return out;
  };
  EXPECT_EQ(phase_of({}), Phase::queued);
  EXPECT_EQ(phase_of(places({Phase::live, Phase::rolling_out})), Phase::rolling_out);
  EXPECT_EQ(phase_of(places({Phase::failed, Phase::preparing})), Phase::preparing) << "it goes on elsewhere";
  EXPECT_EQ(phase_of(places({Phase::live, Phase::live})), Phase::live);
  EXPECT_EQ(phase_of(places({Phase::live, Phase::failed})), Phase::failed);
  EXPECT_EQ(phase_of(places({Phase::superseded, Phase::cancelled, Phase::live})), Phase::cancelled);
}

TEST(DeployPlaces, what_runs_anywhere_runs) {
  using P = Presence;
  auto of = [](std::vector<P> all) {
    std::vector<DeployPlace> out;
    for (P p : all) out.push_back({.presence = p});
    return presence_of(out);
  };
  EXPECT_EQ(of({}), P::none);
  EXPECT_EQ(of({P::deleted, P::running}), P::running);
  EXPECT_EQ(of({P::deleted, P::zeroed}), P::zeroed);
  EXPECT_EQ(of({P::deleted, P::none}), P::deleted);
}

TEST(DeployPlaces, are_what_is_stored_and_the_rest_is_made_of_them) {
  Deploy d;
  d.target = {"hello", "staging"};
  d.cluster = "one";
  in_places(d, [](DeployPlace& p) { p.phase = Phase::live, p.presence = Presence::running, p.running = 3; });
  d.places.push_back(d.places.front());
  d.places.back().name = "two";
  d.places.back().phase = Phase::settling;
  d.places.back().cause = Cause{.summary = "it is slow there"};
  sum_up(d);
  json::object kept = to_json(d);
  kept["phase"] = "failed";  // what somebody wrote beside them counts for nothing
  kept["running"] = 99;
  auto read = deploy_from_json(kept);
  ASSERT_TRUE(read) << read.error().str();
  EXPECT_EQ(*read, d);
  EXPECT_EQ(read->phase, Phase::settling);
  EXPECT_EQ(read->running, 6);
  EXPECT_EQ(read->cause->summary, "it is slow there");
}

TEST(DeployPlaces, a_deploy_of_before_is_read_as_one_place) {
  Deploy d;
  d.target = {"hello", "staging"};
  d.cluster = "one";
  d.phase = Phase::live;
  d.presence = Presence::running;
  d.object_name = "hello-abc-1";
  json::object kept = to_json(d);
  kept.erase("places");
  kept.erase("out_by");
  auto read = deploy_from_json(kept);
  ASSERT_TRUE(read) << read.error().str();
  ASSERT_EQ(read->places.size(), 1u);
  const DeployPlace& p = read->places.front();
  EXPECT_EQ(std::tuple(p.name, p.kind, p.object, p.phase, p.presence),
            std::tuple("one", "replication-controller", "hello-abc-1", Phase::live, Presence::running));
  json::object of_newer = to_json(*read);
  of_newer["places"].as_array()[0].as_object()["phase"] = "dancing";
  EXPECT_FALSE(deploy_from_json(of_newer)) << "refused, not guessed";
}

}  // namespace
}  // namespace lemmy
