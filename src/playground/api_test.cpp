#include "base/json.h"
#include "playground/test_bench.h"

namespace lemmy::playground {
namespace {

Task<json::object> get_json(kube::Client* client, std::string target) {
  net::ClientRequest request{"GET", std::move(target)};
  auto r = co_await client->send(std::move(request), 5s);
  EXPECT_TRUE(r) << r.error().str();
  if (!r) co_return json::object{};
  auto v = parse_json(r->body, "test");
  EXPECT_TRUE(v && v->is_object()) << r->body;
  json::object out = v ? v->get_object() : json::object{};
  out["http"] = r->status;
  co_return out;
}
int64_t version_of(const json::object& o) {
  return std::stoll(std::string(o.at("metadata").at("resourceVersion").as_string()));
}

TEST(Apply, dry_run_checks_everything_and_keeps_nothing) {
  Bench b;
  b.run([&]() -> Task<> {
    auto ok = co_await b.client->apply(rc(1, 2), true);
    EXPECT_TRUE(ok) << ok.error().str();
    EXPECT_TRUE(ok->at("metadata").as_object().contains("uid"));
    EXPECT_EQ(b.sim->count("replicationcontrollers"), 0u);
    json::object bad = rc(1, 2);
    bad["spec"].as_object()["template"].as_object()["metadata"].as_object()["labels"] =
        json::object{{"x", "y"}};
    auto refused = co_await b.client->apply(std::move(bad), true);
    EXPECT_EQ(refused.error().code, ErrorCode::rejected);
    EXPECT_NE(refused.error().what.find("`selector` does not match template `labels`"), std::string::npos);
  });
}

TEST(Apply, errors_are_worded_as_a_real_server_words_them) {
  ClusterOptions o = fast();
  o.quota["staging"] = {{"replicationcontrollers", 1}};
  Bench b(o);
  b.run([&]() -> Task<> {
    json::object elsewhere = rc(1, 1);
    elsewhere["metadata"].as_object()["namespace"] = "nowhere";
    auto none = co_await b.client->apply(std::move(elsewhere), false);
    EXPECT_EQ(none.error().code, ErrorCode::not_found);
    EXPECT_EQ(none.error().what, "namespaces \"nowhere\" not found");
    EXPECT_FALSE(none.error().hint.empty());
    auto scaler = co_await b.client->apply(hpa(1, 5, 3), true);
    EXPECT_EQ(scaler.error().what,
              "HorizontalPodAutoscaler.autoscaling \"hello-1\" is invalid: spec.maxReplicas: Invalid value: "
              "3: must be "
              "greater than or equal to `minReplicas`");
    json::object odd = rc(1, 1);
    odd["spec"].as_object()["replica"] = 2;
    auto unknown = co_await b.client->apply(std::move(odd), true);
    EXPECT_EQ(unknown.error().where, ".spec.replica");
    EXPECT_NE(unknown.error().what.find("field not declared in schema"), std::string::npos);
    auto first = co_await b.client->apply(rc(1, 0), false);
    EXPECT_TRUE(first);
    auto second = co_await b.client->apply(rc(2, 0), false);
    EXPECT_NE(
        second.error().what.find("exceeded quota: staging, requested: count/replicationcontrollers=1, used: "
                                 "count/replicationcontrollers=1, limited: count/replicationcontrollers=1"),
        std::string::npos)
        << second.error().what;
  });
}

TEST(Apply, again_changes_nothing_and_takes_away_what_is_no_longer_said) {
  Bench b;
  b.run([&]() -> Task<> {
    auto first = co_await b.client->apply(rc(1, 0), false);
    (void)co_await Bench::until([&] { return false; }, 50ms);  // its status is written
    auto before = co_await b.client->get(rc_ref(1));
    auto same = co_await b.client->apply(rc(1, 0), false);
    EXPECT_EQ(version_of(**before), version_of(*same));
    EXPECT_EQ(same->at("metadata").at("generation"), 1);
    json::object less = rc(1, 0);
    json::value& container = less["spec"].at("template").at("spec").at("containers").at(0);
    container.as_object()["env"] = json::array{json::object{{"name", "B"}, {"value", "2"}}};
    auto changed = co_await b.client->apply(std::move(less), false);
    EXPECT_EQ(json::serialize(changed->at("spec").at("template").at("spec").at("containers").at(0).at("env")),
              R"([{"name":"B","value":"2"}])");
    EXPECT_EQ(changed->at("metadata").at("generation"), 2);
    EXPECT_EQ(changed->at("metadata").at("uid"), first->at("metadata").at("uid"));
  });
}

TEST(Apply, immutable_config_maps_stay_as_they_are) {
  Bench b;
  b.run([&]() -> Task<> {
    auto made = co_await b.client->apply(config_map("c", {}), false);
    EXPECT_TRUE(made);
    json::object other = config_map("c", {});
    other["data"].as_object()["a"] = "2";
    auto refused = co_await b.client->apply(std::move(other), false);
    EXPECT_EQ(refused.error().what,
              "ConfigMap \"c\" is invalid: data: Forbidden: field is immutable when `immutable` is set");
  });
}

TEST(Quota, of_pods_shows_in_the_controller_s_condition_until_it_is_raised) {
  ClusterOptions o = fast();
  o.quota["staging"] = {{"pods", 1}};
  Bench b(o);
  b.run([&]() -> Task<> {
    b.cluster->start();
    auto ok = co_await b.client->apply(rc(1, 2), false);
    EXPECT_TRUE(ok);
    bool failing = co_await Bench::until([&] {
      auto* r = b.cluster->controller(owner(1));
      return r &&
             r->failure.find("exceeded quota: staging, requested: pods=1, used: pods=1, limited: pods=1") !=
                 std::string::npos;
    });
    EXPECT_TRUE(failing);
    b.sim->set_quota("staging", {{"pods", 5}});
    bool ready = co_await Bench::until([&] {
      auto* r = b.cluster->controller(owner(1));
      return ready_pods(*b.cluster, 1) == 2 && r->failure.empty();
    });
    EXPECT_TRUE(ready);
  });
}

TEST(Lists, come_in_pages_and_by_selectors) {
  Bench b;
  b.run([&]() -> Task<> {
    for (int i = 0; i < 5; ++i) {
      auto ok = co_await b.client->apply(config_map(fmt::format("c{}", i), {}), false);
      EXPECT_TRUE(ok);
    }
    std::string next;
    std::vector<size_t> sizes;
    do {
      std::string target = "/api/v1/configmaps?limit=2";
      if (!next.empty()) target += "&continue=" + net::percent_encode(next);
      auto page = co_await get_json(b.client.get(), target);
      sizes.push_back(page.at("items").as_array().size());
      next = std::string(text_or(page.at("metadata").as_object(), "continue"));
    } while (!next.empty());
    EXPECT_EQ(sizes, (std::vector<size_t>{2, 2, 1}));
    auto ok = co_await b.client->apply(rc(1, 0), false);
    EXPECT_TRUE(ok);
    for (auto [selector, n] : {std::pair{"labelSelector=project%3Dhello", 1},
                               {"labelSelector=project%3Dother", 0},
                               {"labelSelector=deploy%20in%20(1,2),project", 1},
                               {"labelSelector=!project", 0},
                               {"labelSelector=deploy%20notin%20(1)", 0},
                               {"fieldSelector=metadata.name%3Dhello-1", 1},
                               {"fieldSelector=metadata.name!%3Dhello-1", 0}}) {
      auto list =
          co_await get_json(b.client.get(), std::string("/api/v1/replicationcontrollers?") + selector);
      EXPECT_EQ(list.at("items").as_array().size(), size_t(n)) << selector;
    }
    auto bad = co_await get_json(b.client.get(), "/api/v1/pods?labelSelector=a%20b%20c");
    EXPECT_EQ(bad["http"], 400);
    auto no = co_await get_json(b.client.get(), "/apis/apps/v1/daemonsets");
    EXPECT_EQ(no["http"], 404);
  });
}

Task<std::vector<json::object>> watch_lines(kube::Client* client, std::string target, size_t most) {
  std::vector<json::object> out;
  net::ClientRequest request{"GET", std::move(target)};
  auto stream = co_await client->open(std::move(request), 5s);
  EXPECT_TRUE(stream);
  while (stream && out.size() < most) {
    auto line = co_await (*stream)->read_line(1 << 20, 5s);
    if (!line || !*line) break;
    out.push_back(parse_json(**line, "watch")->as_object());
  }
  co_return out;
}

TEST(Watches, resume_from_a_version_and_end_with_a_bookmark_at_their_time) {
  Bench b;
  b.run([&]() -> Task<> {
    auto list = co_await get_json(b.client.get(), "/api/v1/configmaps");
    auto a = co_await b.client->apply(config_map("a", {}), false);
    auto c = co_await b.client->apply(config_map("c", {}), false);
    std::string base =
        "/api/v1/namespaces/staging/configmaps?watch=1&allowWatchBookmarks=true&timeoutSeconds=1";
    auto seen =
        co_await watch_lines(b.client.get(), fmt::format("{}&resourceVersion={}", base, version_of(list)), 9);
    EXPECT_EQ(seen.size(), 3u);
    if (seen.size() != 3) co_return;
    EXPECT_EQ(seen[0].at("type"), "ADDED");
    EXPECT_EQ(seen[0].at("object").at("metadata").at("name"), "a");
    EXPECT_EQ(seen[2].at("type"), "BOOKMARK");
    EXPECT_EQ(version_of(seen[2].at("object").as_object()), version_of(*c));
    auto later =
        co_await watch_lines(b.client.get(), fmt::format("{}&resourceVersion={}", base, version_of(*a)), 1);
    EXPECT_EQ(later.at(0).at("object").at("metadata").at("name"), "c");
  });
}

TEST(Watches, from_a_forgotten_version_get_410_expired) {
  ClusterOptions o = fast();
  o.history = 16;
  Bench b(o);
  b.run([&]() -> Task<> {
    for (int i = 0; i < 40; ++i) {
      auto ok = co_await b.client->apply(config_map(fmt::format("c{}", i), {}), false);
      EXPECT_TRUE(ok);
    }
    auto seen = co_await watch_lines(b.client.get(), "/api/v1/configmaps?watch=1&resourceVersion=1001", 2);
    EXPECT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen.at(0).at("type"), "ERROR");
    EXPECT_EQ(seen.at(0).at("object").at("code"), 410);
    EXPECT_EQ(seen.at(0).at("object").at("reason"), "Expired");
  });
}

TEST(Client, asks_for_the_version_of_a_secret_and_not_for_the_secret) {
  Bench b;
  b.run([&]() -> Task<> {
    json::object secret{{"apiVersion", "v1"},
                        {"kind", "Secret"},
                        {"metadata", {{"name", "hello"}, {"namespace", "staging"}}},
                        {"data", {{"password", "aHVudGVyMg=="}}}};
    auto made = co_await b.client->apply(std::move(secret), false);
    EXPECT_TRUE(made);
    auto version = co_await b.client->secret_version("staging", "hello");
    EXPECT_TRUE(version);
    EXPECT_EQ(*version, kube::parse_version(*made));
    auto none = co_await b.client->secret_version("staging", "other");
    EXPECT_TRUE(none && none->empty());
    net::ClientRequest request{"GET", "/api/v1/namespaces/staging/secrets/hello"};
    request.headers.emplace("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
    auto raw = co_await b.client->send(std::move(request), 5s);
    EXPECT_TRUE(raw && raw->body.find("aHVudGVyMg") == std::string::npos);
    EXPECT_NE(raw->body.find(R"("kind":"PartialObjectMetadata")"), std::string::npos);
  });
}

}  // namespace
}  // namespace lemmy::playground
