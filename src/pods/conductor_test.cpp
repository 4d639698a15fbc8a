// The conductor with a real store on a simulated cluster.
#include "deploy/dry_runs.h"
#include "pods/conducting_test.h"
#include "release/releases.h"

namespace lemmy::pods {
namespace {

TEST_F(Conducting, a_server_that_leads_again_goes_on_though_a_write_hung_when_it_had_to_stop) {
  run([this]() -> Task<> {
    store->hang = 4s;  // longer than workers have to end by themselves
    auto n = co_await ask();
    auto begun = [this] { return store->hang == 0ms; };
    while (!begun()) co_await sleep_for(5ms);
    co_await conductor->follow();
    auto leads = co_await conductor->lead({});
    EXPECT_TRUE(leads);
    bool live = co_await becomes(n, [](const Deploy& d) { return d.phase == Phase::live; });
    EXPECT_TRUE(live);
  });
}

TEST_F(Conducting, a_watch_that_hangs_does_not_make_a_controller_look_deleted) {
  sim->faults().slow(8s, {"GET", "/replicationcontrollers", true, 1});
  run([this]() -> Task<> {
    const int64_t number = co_await ask();
    bool over = co_await becomes(number, is_over, 20s);
    EXPECT_TRUE(over);
    const Deploy* d = conductor->find(kTarget, number);
    EXPECT_EQ(name(d->phase), "live") << (d->cause ? d->cause->summary : "");
    EXPECT_EQ(name(d->presence), "running");
  });
}

TEST_F(Conducting, what_was_written_though_the_store_said_no_is_done_all_the_same) {
  run([this]() -> Task<> {
    const int64_t number = co_await ask();
    bool over = co_await becomes(number, is_over);
    EXPECT_TRUE(over);
    co_await sleep_for(500ms);  // its worker has nothing left to do
    Act act{kTarget, number, Action::zero, "ada", "", "", true};
    store->doubt_next = true;
    auto said = co_await conductor->act(act);
    EXPECT_EQ(said.error().code, ErrorCode::unavailable);
    auto again = co_await conductor->act(act);
    EXPECT_EQ(again.error().code, ErrorCode::conflict) << "it is asked for already";
    bool zeroed =
        co_await becomes(number, [](const Deploy& d) { return d.presence == Presence::zeroed; }, 5s);
    EXPECT_TRUE(zeroed);
  });
}

TEST_F(Conducting, what_is_cancelled_half_applied_leaves_no_copy_of_its_files_behind) {
  sim->faults().slow(300ms, {"PATCH", "/services/", false, -1});
  run([this]() -> Task<> {
    const int64_t number = co_await ask();
    bool applying = co_await becomes(number, [](const Deploy& d) { return d.phase == Phase::applying; });
    EXPECT_TRUE(applying);
    sim->faults().answer(503, {"PATCH", "/replicationcontrollers/", false, -1});
    bool stuck = co_await becomes(number, [](const Deploy& d) { return d.note.starts_with("trying again"); });
    EXPECT_TRUE(stuck);
    EXPECT_EQ(sim->count("configmaps"), 2u);
    Act act{kTarget, number, Action::cancel, "ada", "", "", false};
    auto asked = co_await conductor->act(act);
    EXPECT_TRUE(asked);
    sim->faults().clear();
    auto gone = [](const Deploy& d) {
      return d.phase == Phase::cancelled && d.presence == Presence::deleted;
    };
    bool deleted = co_await becomes(number, gone, 20s);
    EXPECT_TRUE(deleted);
    EXPECT_EQ(sim->count("configmaps"), 1u);
  });
}

TEST_F(Conducting, a_failed_deploy_keeps_its_pods_words_and_what_differs_from_the_last_good_one) {
  run([this]() -> Task<> {
    auto put_secret = [this](std::string method, std::string path) -> Task<> {
      net::ClientRequest r{method, "/api/v1/namespaces/staging/secrets" + path};
      r.headers.emplace("Content-Type", path.empty() ? "application/json" : "application/merge-patch+json");
      r.body = path.empty() ? R"({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hello-world"},
                                  "data": {"PASSWORD": "c2VjcmV0LW9uZQ=="}})"
                            : R"({"data": {"PASSWORD": "c2VjcmV0LXR3bw=="}})";
      auto done = co_await cluster->client().send(std::move(r), 5s);
      EXPECT_TRUE(done && done->status < 300) << (done ? done->body : done.error().str());
    };
    co_await put_secret("POST", "");
    const int64_t good = co_await ask();
    bool live = co_await becomes(good, [](const Deploy& d) { return d.phase == Phase::live; });
    EXPECT_TRUE(live);

    auto changed = std::make_shared<config::Config>(*config);
    changed->revision = "another";
    config::Project& project = changed->projects["hello-world"];
    for (auto& f : project.templates)
      if (const size_t at = f.text.find("\"annotations\": {"); at != f.text.npos)
        f.text.insert(at + 16, R"("lemmy.test/behaviour": "crash-loop", "lemmy.test/exit-code": "7",
                                  "lemmy.test/logs": "begin\nno such database",)");
    config = changed;
    co_await put_secret("PATCH", "/hello-world");
    const int64_t bad = co_await ask();
    bool over = co_await becomes(bad, is_over);
    EXPECT_TRUE(over);
    EXPECT_EQ(name(conductor->find(kTarget, bad)->phase), "failed");
    auto kept = co_await store->document(kTarget, bad, "failure");
    EXPECT_TRUE(kept);
    const json::object o = parse_json(kept.value_or("{}"), "failure")->as_object();
    EXPECT_EQ(o.at("last_good"), good);
    const json::value& d = o.at("difference");
    EXPECT_EQ(d.at("build").at("same"), true);
    EXPECT_EQ(d.at("secret").at("state"), "changed");
    EXPECT_EQ(d.at("config_map").at("state"), "same");
    EXPECT_EQ(d.at("summary"), "3 fields of the configuration and the Secret differ") << json::serialize(d);
    const json::array& roles = o.at("roles").as_array();
    EXPECT_EQ(roles.size(), 1u);
    EXPECT_EQ(roles.at(0).at("exit_code"), 7);
    const json::array& logs = roles.at(0).at("logs").as_array();
    EXPECT_FALSE(logs.empty());
    if (!logs.empty()) {
      EXPECT_EQ(logs[0].at("previous"), true);
      EXPECT_NE(std::string(logs[0].at("first").as_string()).find("no such database"), std::string::npos);
    }
    EXPECT_FALSE(o.at("events").as_array().empty());
    EXPECT_EQ(kept->find("c2VjcmV0"), std::string::npos) << "a Secret's value";
  });
}

TEST_F(Conducting, a_release_that_the_store_took_by_half_says_so_and_asking_again_completes_it) {
  run([this]() -> Task<> {
    release::Releases releases(conductor.get(), store.get(), [this] { return config; });
    release::ReleaseRequest request{"hello-world", kSha, {"staging", "production"}, "ada", "", "key"};
    store->refused = "production";
    auto half = co_await releases.request(request);
    EXPECT_FALSE(half);
    EXPECT_EQ(half.error().code, ErrorCode::unavailable);
    EXPECT_EQ(half.error().what, "not accepted: production: the disk is full; accepted: staging #1");
    EXPECT_NE(half.error().hint.find("Idempotency-Key key"), std::string::npos);
    store->refused.clear();
    auto whole = co_await releases.request(request);
    EXPECT_TRUE(whole) << whole.error().str();
    EXPECT_EQ(whole->deploys.size(), 2u);
    EXPECT_EQ(whole->deploys[0].number, 1);
    auto found = co_await releases.find("hello-world", whole->id);
    EXPECT_TRUE(found);
    EXPECT_EQ(found->deploys.size(), 2u);
    request.environments = {"production"};
    auto other = co_await releases.request(request);
    EXPECT_EQ(other.error().code, ErrorCode::conflict) << "the key stood for another release";
  });
}

TEST_F(Conducting, a_dry_run_on_pods_records_no_deploy_and_is_forgotten_when_others_come) {
  sim->faults().slow(300ms, {"PATCH", "/services/", false, 1});  // so that the second finds the first
  run([this]() -> Task<> {
    DryRuns& runs = conductor->dry_runs();
    auto first = co_await runs.start(kTarget, kSha, "ada");
    EXPECT_TRUE(first) << first.error().str();
    auto second = co_await runs.start(kTarget, kSha, "bob");
    EXPECT_EQ(second.error().code, ErrorCode::conflict);
    for (int i = 0; i < 500 && (*first)->state == DryRun::State::running; ++i) co_await sleep_for(10ms);
    EXPECT_EQ(name((*first)->state), "passed") << ((*first)->cause ? (*first)->cause->summary : "");
    EXPECT_GE((*first)->objects.size(), 3u);
    EXPECT_EQ(conductor->latest(kTarget), nullptr);
    EXPECT_EQ(sim->count("replicationcontrollers"), 0u);
    for (size_t i = 0; i < DryRuns::kKept; ++i) {
      auto run = co_await runs.start(kTarget, kSha, "ada");
      EXPECT_TRUE(run);
      while (run && (*run)->state == DryRun::State::running) co_await sleep_for(5ms);
    }
    auto gone = runs.look(kTarget, (*first)->id);
    EXPECT_EQ(gone.error().code, ErrorCode::not_found);
  });
}

TEST_F(Conducting, a_dry_run_says_what_the_cluster_would_refuse) {
  sim->faults().answer(403, {"PATCH", "/replicationcontrollers/", false, -1});
  run([this]() -> Task<> {
    auto run = co_await conductor->dry_runs().start(kTarget, kSha, "ada");
    EXPECT_TRUE(run);
    while (run && (*run)->state == DryRun::State::running) co_await sleep_for(10ms);
    EXPECT_EQ(name((*run)->state), "failed");
    EXPECT_NE((*run)->cause->summary.find("would refuse 1 of"), std::string::npos) << (*run)->cause->summary;
  });
}

TEST_F(Conducting, what_the_cluster_refuses_is_compared_by_the_config_map_that_it_would_have_sent) {
  run([this]() -> Task<> {
    co_await ask_live();
    sim->faults().answer(403, {"PATCH", "/replicationcontrollers/", false, -1});
    const int64_t number = co_await ask();
    bool failed = co_await becomes(number, [](const Deploy& d) { return d.phase == Phase::failed; });
    EXPECT_TRUE(failed);
    auto kept = co_await store->document(kTarget, number, "failure");
    EXPECT_TRUE(kept);
    const json::value told = parse_json(kept ? *kept : "{}", "failure").value();
    for (const char* part : {"config_map", "secret"}) {
      const json::value* state = find(told, {"difference", part, "state"});
      EXPECT_TRUE(state);
      if (state) EXPECT_NE(*state, "removed") << part << json::serialize(told);
    }
    const json::value* map = find(told, {"difference", "config_map", "state"});
    if (map) EXPECT_EQ(*map, "same");
  });
}

}  // namespace
}  // namespace lemmy::pods
