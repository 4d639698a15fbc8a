// The live picture (kube::Cluster): what counts, what is told, and when a watch is believed.
#include "playground/test_bench.h"

namespace lemmy::playground {
namespace {

struct PictureBench : Bench {
  std::vector<std::string> told;  // targets that changed
  explicit PictureBench(ClusterOptions o = fast(), kube::WatchTimes times = {})
      : Bench(with_more(std::move(o))) {
    cluster = std::make_unique<kube::Cluster>(
        "sim", loop.get_executor(), client, [this](const Target& t) { told.push_back(t.str()); }, times);
  }
  static ClusterOptions with_more(ClusterOptions o) {
    o.namespaces.emplace_back("sandbox");
    return o;
  }
  Task<bool> ready(int deploy, int n) {
    co_return co_await until([this, deploy, n] { return ready_pods(*cluster, deploy) == n; });
  }
  Task<int> status(std::string method, std::string target, json::object body = {}) {
    net::ClientRequest request{std::move(method), std::move(target)};
    request.headers.emplace("Content-Type", "application/json");
    if (!body.empty()) request.body = json::serialize(body);
    auto r = co_await client->send(std::move(request), 5s);
    co_return r ? r->status : 0;
  }
};

json::object bare_pod(const std::string& ns, const std::string& name, json::object its_labels) {
  json::object container{{"name", "app"}, {"image", "registry.example.com/hello:1"}};
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", name}, {"namespace", ns}, {"labels", std::move(its_labels)}}},
          {"spec", {{"containers", json::array{std::move(container)}}}}};
}

// A controller beside rc(1, ...) whose pods have the same labels and one more.
json::object second_rc(int replicas) {
  json::object out = rc(1, replicas);
  out["metadata"].as_object()["name"] = "hello-old";
  json::object& spec = out["spec"].as_object();
  spec["selector"].as_object()["from"] = "before";
  spec["template"].at("metadata").at("labels").as_object()["from"] = "before";
  return out;
}

TEST(Picture, a_copy_of_a_pod_in_another_namespace_takes_nothing_from_the_real_one) {
  PictureBench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    (void)co_await b.client->apply(rc(1, 1), false);
    (void)co_await b.ready(1, 1);
    const std::string name = b.cluster->pods(owner(1))[0]->meta.name;
    int made =
        co_await b.status("POST", "/api/v1/namespaces/sandbox/pods", bare_pod("sandbox", name, labels(1)));
    EXPECT_EQ(made, 201);
    co_await sleep_for(100ms);
    EXPECT_EQ(b.cluster->pod_count(), 1u);
    (void)co_await b.status("DELETE", "/api/v1/namespaces/sandbox/pods/" + name);
    bool gone = co_await Bench::until([&] { return b.sim->count("pods") == 1; });
    EXPECT_TRUE(gone);
    co_await sleep_for(50ms);
    EXPECT_EQ(ready_pods(*b.cluster, 1), 1);
  });
}

TEST(Picture, what_is_not_of_a_deploy_in_its_environment_wakes_nobody_and_is_not_kept) {
  PictureBench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    (void)co_await Bench::until([&] { return b.cluster->is_live(); });
    b.told.clear();
    int n = 0;
    for (json::object these :
         {json::object{{"app.kubernetes.io/managed-by", "lemmy"}},
          json::object{{"app.kubernetes.io/managed-by", "lemmy"}, {"project", "hello"}, {"deploy", "1"}},
          json::object{{"app.kubernetes.io/managed-by", "lemmy"},
                       {"project", "hello"},
                       {"environment", "production"},
                       {"deploy", "1"}},
          json::object{{"app.kubernetes.io/managed-by", "lemmy"},
                       {"project", "hello"},
                       {"environment", "staging"},
                       {"deploy", "newest"}}}) {
      int made = co_await b.status("POST", "/api/v1/namespaces/staging/pods",
                                   bare_pod("staging", fmt::format("odd-{}", n++), std::move(these)));
      EXPECT_EQ(made, 201);
    }
    (void)co_await b.client->apply(rc(1, 1), false);
    (void)co_await b.ready(1, 1);
    EXPECT_EQ(std::set<std::string>(b.told.begin(), b.told.end()), std::set<std::string>{"hello/staging"});
    EXPECT_EQ(b.cluster->pod_count(), 1u);
  });
}

TEST(Picture, counts_only_the_namespaces_it_is_told) {
  PictureBench b;
  b.run([&]() -> Task<> {
    auto seen_in = [&](std::set<std::string> namespaces) {
      return std::make_unique<kube::Cluster>(
          "narrow", b.loop.get_executor(), b.client, [](const Target&) {}, kube::WatchTimes{}, namespaces);
    };
    auto other = seen_in({"production"}), both = seen_in({"production", "staging"});
    other->start(), both->start();
    (void)co_await b.client->apply(rc(1, 2), false);
    bool seen = co_await Bench::until([&] { return other->is_live() && both->pod_count() == 2; });
    EXPECT_TRUE(seen);
    EXPECT_TRUE(other->pod_count() == 0 && other->targets().empty());
    b.sim->faults().expire_watches();
    seen = co_await Bench::until([&] { return both->relists() >= 10 && both->is_live(); });
    EXPECT_TRUE(seen && both->pod_count() == 2) << "the end of one namespace's list took from another's";
    co_await other->stop();
    co_await both->stop();
  });
}

TEST(Picture, tells_pods_of_one_label_apart_by_the_controller_that_made_them) {
  PictureBench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    auto one = co_await b.client->apply(rc(1, 2), false);
    (void)co_await b.ready(1, 2);
    auto two = co_await b.client->apply(second_rc(1), false);
    EXPECT_TRUE(one && two);
    (void)co_await b.ready(1, 3);
    const std::string uid = kube::parse_meta(*one).uid, other = kube::parse_meta(*two).uid;
    EXPECT_EQ(b.cluster->pods(owner(1)).size(), 3u);
    EXPECT_EQ(b.cluster->pods(owner(1), uid).size(), 2u);
    EXPECT_EQ(b.cluster->pods(owner(1), other).size(), 1u);
    EXPECT_EQ(b.cluster->controller(Workload::replication_controller, "staging", "hello-1")->meta.uid, uid);
    EXPECT_EQ(b.cluster->controller(Workload::replication_controller, "staging", "hello-old")->meta.uid,
              other);
    auto asked = co_await b.cluster->list_pods(owner(1), uid);
    EXPECT_TRUE(asked && asked->size() == 2u);
    auto all = co_await b.cluster->list_pods(owner(1).target, "deploy=1");
    EXPECT_TRUE(all && all->size() == 3u);
    auto none = co_await b.cluster->list_pods(owner(2).target, "deploy=2");
    EXPECT_TRUE(none && none->empty());
  });
}

TEST(Picture, lists_what_carries_the_stamp_whoever_knows_of_it) {
  PictureBench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    (void)co_await b.client->apply(rc(1, 1), false);
    (void)co_await b.client->apply(hpa(1, 1, 4), false);
    (void)co_await b.client->apply(rc(7, 2), false);
    json::object stray = labels(3);
    int made =
        co_await b.status("POST", "/api/v1/namespaces/staging/pods", bare_pod("staging", "stray", stray));
    EXPECT_EQ(made, 201);
    (void)co_await Bench::until(
        [&] { return ready_pods(*b.cluster, 7) == 2 && b.cluster->pod_count() == 4; });
    std::vector<std::string> found;
    for (const kube::Owned& o : b.cluster->owned())
      found.push_back(fmt::format("{} {} {} #{} {}", o.kind, o.ns, o.name, o.owner.deploy, o.wanted));
    EXPECT_EQ(found,
              (std::vector<std::string>{
                  "ReplicationController staging hello-1 #1 1", "ReplicationController staging hello-7 #7 2",
                  "HorizontalPodAutoscaler staging hello-1 #1 0", "Pod staging stray #3 1"}));
  });
}

TEST(Picture, a_watch_that_stands_and_tells_nothing_is_found_by_asking_on_another_connection) {
  kube::WatchTimes times;
  times.probe_every = 20ms, times.probe_grace = 100ms, times.probe_limit = 1500ms;
  PictureBench b(fast(), times);
  b.run([&]() -> Task<> {
    b.cluster->start();
    (void)co_await b.client->apply(rc(1, 1), false);
    (void)co_await b.ready(1, 1);
    b.sim->faults().silence_streams();
    (void)co_await b.client->scale(rc_ref(1), 3);
    bool seen = co_await b.ready(1, 3);
    EXPECT_TRUE(seen);
    EXPECT_EQ(b.cluster->relists(), 0u);  // it went on from the version it had
    EXPECT_FALSE(b.cluster->trouble());
  });
}

TEST(Picture, stopping_is_no_trouble_of_the_cluster) {
  kube::WatchTimes times;
  times.probe_every = 20ms;
  PictureBench b(fast(), times);
  b.run([&]() -> Task<> {
    b.cluster->start();
    const bool live = co_await Bench::until([&] { return b.cluster->is_live(); });
    EXPECT_TRUE(live);
    b.sim->faults().slow(5s, {"GET", "", false, -1});
    b.sim->faults().cut_streams();
    co_await sleep_for(1500ms);  // the watches are being opened again, and a probe is asked for
    EXPECT_EQ(b.cluster->trouble(), std::nullopt);
    co_await b.cluster->stop();
    EXPECT_EQ(b.cluster->trouble(), std::nullopt) << b.cluster->trouble()->str();
  });
}

TEST(Picture, pods_can_be_asked_for_while_their_watch_tells_nothing) {
  PictureBench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    auto made = co_await b.client->apply(rc(1, 1), false);
    (void)co_await b.ready(1, 1);
    b.sim->faults().silence_streams();
    (void)co_await b.client->scale(rc_ref(1), 2);
    bool asked = false;
    for (int i = 0; i < 200 && !asked; ++i) {
      auto pods = co_await b.cluster->list_pods(owner(1), kube::parse_meta(*made).uid);
      asked = pods && std::ranges::count_if(*pods, [](const auto& p) { return p.ready; }) == 2;
      co_await sleep_for(10ms);
    }
    EXPECT_TRUE(asked);
    EXPECT_EQ(ready_pods(*b.cluster, 1), 1);
  });
}

TEST(Picture, moves_to_another_cluster_when_its_access_is_written_anew) {
  PictureBench b;
  auto second = SimulatedCluster::create(b.loop.get_executor(), fast());
  auto url = second->start();
  ASSERT_TRUE(url);
  b.run([&]() -> Task<> {
    b.cluster->start();
    (void)co_await b.client->apply(rc(1, 1), false);
    (void)co_await b.ready(1, 1);
    kube::ClusterAccess same = b.client->access(), other = same;
    EXPECT_TRUE(b.cluster->use(same));
    EXPECT_EQ(b.cluster->relists(), 0u);
    other.server = "ftp://nowhere";
    EXPECT_FALSE(b.cluster->use(other));
    EXPECT_EQ(b.client->server(), same.server);
    other.server = *url;
    EXPECT_TRUE(b.cluster->use(other));
    EXPECT_FALSE(b.cluster->synced());
    bool gone = co_await Bench::until([&] { return b.cluster->is_live() && b.cluster->pod_count() == 0; });
    EXPECT_TRUE(gone);
    (void)co_await b.client->apply(rc(2, 2), false);
    bool ready = co_await b.ready(2, 2);
    EXPECT_TRUE(ready);
    other.token = "new";  // the same cluster, other credentials: nothing is read again
    const auto before = b.cluster->relists();
    EXPECT_TRUE(b.cluster->use(other));
    (void)co_await b.client->scale(rc_ref(2), 3);
    ready = co_await b.ready(2, 3);
    EXPECT_TRUE(ready);
    EXPECT_EQ(b.cluster->relists(), before);
    b.cluster->forget();
    co_await second->stop();
  });
}

TEST(Picture, events_stand_beside_what_they_are_about_and_go_with_it) {
  PictureBench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    (void)co_await b.client->apply(rc(1, 1, {{"lemmy.test/behaviour", "crash-loop"}}), false);
    (void)co_await Bench::until([&] { return b.cluster->pod_count() == 1; });
    const std::string name = b.cluster->pods(owner(1))[0]->meta.name;
    bool warned = co_await Bench::until([&] {
      for (const EventGroup& e : b.cluster->events_about(name, "staging"))
        if (e.type == "Warning" && e.reason == "BackOff" && e.message.find(name) != e.message.npos)
          return true;
      return false;
    });
    EXPECT_TRUE(warned);
    EXPECT_TRUE(b.cluster->events_about(name, "sandbox").empty());
    (void)co_await b.client->remove(rc_ref(1));
    bool gone = co_await Bench::until([&] { return b.cluster->pod_count() == 0; });
    EXPECT_TRUE(gone);
    EXPECT_TRUE(b.cluster->events_about(name, "staging").empty());
  });
}

TEST(Client, shows_the_last_lines_of_a_log_also_of_long_ones) {
  PictureBench b;
  std::string lines;
  for (int i = 0; i < 400; ++i) lines += fmt::format("line {} {}\n", i, std::string(6'000, 'x'));
  b.run([&]() -> Task<> {
    b.cluster->start();
    (void)co_await b.client->apply(rc(1, 1, {{"lemmy.test/logs", lines}}), false);
    (void)co_await b.ready(1, 1);
    const std::string name = b.cluster->pods(owner(1))[0]->meta.name;
    EXPECT_EQ(b.cluster->pods(owner(1))[0]->default_container, "app");
    for (int asked : {20, 1'000}) {
      auto log = co_await b.client->log("staging", name, "app", false, asked);
      EXPECT_TRUE(log);
      if (!log) continue;
      EXPECT_TRUE(log->starts_with("line 39")) << log->substr(0, 20);
      EXPECT_LE(log->size(), 65'536u);
      EXPECT_NE(log->find("line 399 "), std::string::npos);
    }
    auto begin = co_await b.client->log("staging", name, "app", false, 0);
    EXPECT_TRUE(begin && begin->starts_with("line 0 ") && begin->size() == 16'384u);
  });
}

}  // namespace
}  // namespace lemmy::playground
