#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/files.h"
#include "base/strings.h"
#include "kube/kubeconfig.h"
#include "kube/objects.h"
#include "kube/watch.h"

namespace lemmy::kube {
namespace {

struct TempDir {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("lemmy-kube-" + random_hex(6));
  TempDir() { std::filesystem::create_directory(path); }
  ~TempDir() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name, const std::string& text, unsigned mode = 0600) {
    EXPECT_TRUE(write_file(path / name, text, mode));
    return (path / name).string();
  }
};

std::string config(const std::string& user) {
  return R"(apiVersion: v1
kind: Config
current-context: main
contexts:
- {name: main, context: {cluster: c, user: u, namespace: team}}
clusters:
- name: c
  cluster: {server: 'https://10.0.0.1:6443', certificate-authority-data: )" +
         to_base64("CA PEM") + "}\nusers:\n- name: u\n  user: " + user + "\n";
}

TEST(Kubeconfig, gives_server_ca_and_token_and_keeps_checks_on) {
  TempDir d;
  auto a = load_kubeconfig(d.file("config", config("{token: secret}")), "");
  ASSERT_TRUE(a) << a.error().str();
  EXPECT_EQ(a->server, "https://10.0.0.1:6443");
  EXPECT_EQ(a->tls.ca_pem, "CA PEM");
  EXPECT_EQ(a->token, "secret");
  EXPECT_EQ(a->default_namespace, "team");
  EXPECT_FALSE(a->tls.insecure_skip_verify);
}

TEST(Kubeconfig, finds_files_relative_to_itself) {
  TempDir d;
  d.file("client.crt", "CERT");
  d.file("client.key", "KEY");
  auto a = load_kubeconfig(
      d.file("config", config("{client-certificate: client.crt, client-key: client.key, tokenFile: tok}")),
      "main");
  ASSERT_TRUE(a) << a.error().str();
  EXPECT_EQ(a->tls.client_certificate_pem, "CERT");
  EXPECT_EQ(a->tls.client_key_pem, "KEY");
  EXPECT_EQ(a->token_file, (d.path / "tok").string());
}

TEST(Kubeconfig, errors_say_what_is_missing) {
  TempDir d;
  EXPECT_EQ(load_kubeconfig((d.path / "none").string(), "").error().code, ErrorCode::not_found);
  auto path = d.file("config", config("{token: x}"));
  EXPECT_NE(load_kubeconfig(path, "other").error().what.find("'other'"), std::string::npos);
  EXPECT_FALSE(load_kubeconfig(d.file("broken", "a: [1"), ""));
  EXPECT_FALSE(load_kubeconfig(d.file("list", "- 1"), ""));
  EXPECT_FALSE(load_kubeconfig(d.file("b64", config("{client-key-data: '***'}")), ""));
}

TEST(ExecPlugin, is_run_and_its_token_and_expiry_are_read) {
  TempDir d;
  d.file("plugin", R"(#!/bin/sh
[ -n "$KUBERNETES_EXEC_INFO" ] || exit 9
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"'$WHO-$1'","expirationTimestamp":"2030-01-01T00:00:00Z"}}'
)",
         0700);
  auto a =
      load_kubeconfig(d.file("config", config("{exec: {apiVersion: client.authentication.k8s.io/v1, command: "
                                              "./plugin, args: [arg], env: [{name: WHO, value: me}]}}")),
                      "");
  ASSERT_TRUE(a) << a.error().str();
  Pool pool{1};
  auto c = block_on(run_exec_plugin(&pool, *a->exec, a->server));
  ASSERT_TRUE(c) << c.error().str();
  EXPECT_EQ(c->token, "me-arg");
  EXPECT_EQ(c->expires, parse_time("2030-01-01T00:00:00Z"));
}

TEST(ExecPlugin, that_fails_or_is_missing_says_so) {
  Pool pool{1};
  ExecPlugin p{"client.authentication.k8s.io/v1", {"sh", "-c", "echo no login >&2; exit 4"}, {}, ""};
  auto r = block_on(run_exec_plugin(&pool, p, ""));
  EXPECT_NE(r.error().what.find("exit code 4"), std::string::npos);
  EXPECT_EQ(r.error().detail, "no login\n");
  p = {"v1", {"no-such-plugin"}, {}, "install it from the wiki"};
  EXPECT_EQ(block_on(run_exec_plugin(&pool, p, "")).error().hint, "install it from the wiki");
  p = {"v1", {"sh", "-c", "echo {}"}, {}, ""};
  EXPECT_FALSE(block_on(run_exec_plugin(&pool, p, "")));
}

json::object object(std::string_view text) { return parse_json(text, "test")->get_object(); }

TEST(Pod, that_crash_loops_shows_reason_exit_code_and_restarts) {
  Pod p = parse_pod(object(R"({"metadata":{"namespace":"staging","name":"a-1","uid":"u",
    "labels":{"project":"hello","environment":"staging","deploy":"12"}},
    "status":{"phase":"Running","conditions":[{"type":"Ready","status":"False"}],
    "containerStatuses":[{"name":"app","restartCount":4,"ready":false,
      "state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off"}},
      "lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}})"));
  EXPECT_EQ(p.meta.owner.target.str(), "hello/staging");
  EXPECT_EQ(p.meta.owner.deploy, 12);
  EXPECT_EQ(pod_status(p), "CrashLoopBackOff");
  EXPECT_EQ(pod_restarts(p), 4);
  EXPECT_EQ(p.containers[0].last->exit_code, 137);
  EXPECT_EQ(p.containers[0].last->reason, "OOMKilled");
}

TEST(Pod, with_fields_missing_or_of_another_type_is_read_without_harm) {
  Pod p =
      parse_pod(object(R"({"metadata":{"labels":{"deploy":"x"}},"status":{"conditions":"none","phase":7}})"));
  EXPECT_EQ(p.meta.owner.deploy, 0);
  EXPECT_EQ(pod_status(p), "Pending");
}

struct Recorder {
  std::vector<std::string> seen;
  WatchProtocol protocol{"/api/v1/pods",
                         "labelSelector=x",
                         {[this] { seen.push_back("begin"); }, [this] { seen.push_back("end"); },
                          [this](const json::object& o) { seen.push_back("+" + parse_meta(o).name); },
                          [this](const json::object& o) { seen.push_back("-" + parse_meta(o).name); }}};
  void listed() {
    EXPECT_TRUE(protocol.on_list(
        200, R"({"metadata":{"resourceVersion":"10"},"items":[{"metadata":{"name":"a"}}]})", ""));
  }
};

TEST(Watch, lists_page_by_page_then_watches_from_the_list_s_version) {
  Recorder r;
  EXPECT_EQ(r.protocol.next().target, "/api/v1/pods?labelSelector=x&limit=500");
  ASSERT_TRUE(r.protocol.on_list(
      200, R"({"metadata":{"resourceVersion":"9","continue":"t+1"},"items":[{"metadata":{"name":"z"}}]})",
      ""));
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
      R"({"type":"ADDED","object":{"metadata":{"name":"b","resourceVersion":"11"}}})"));
  ASSERT_TRUE(r.protocol.on_watch_line(
      R"({"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"12"}}})"));
  ASSERT_TRUE(
      r.protocol.on_watch_line(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"50"}}})"));
  r.protocol.on_watch_closed();
  EXPECT_NE(r.protocol.next().target.find("resourceVersion=50"), std::string::npos);
  EXPECT_EQ(r.seen.back(), "-a");
}

TEST(Watch, lists_again_after_410_as_event_as_status_and_in_the_middle_of_a_list) {
  Recorder r;
  r.listed();
  EXPECT_FALSE(r.protocol.on_watch_line(R"({"type":"ERROR","object":{"code":410,"message":"too old"}})"));
  EXPECT_EQ(r.protocol.next().what, WatchProtocol::Do::list);
  EXPECT_FALSE(r.protocol.synced());
  r.listed();
  ASSERT_TRUE(r.protocol.on_watch_opened(410, "", ""));
  EXPECT_EQ(r.protocol.next().what, WatchProtocol::Do::list);
  ASSERT_TRUE(r.protocol.on_list(200, R"({"metadata":{"continue":"t"},"items":[]})", ""));
  ASSERT_TRUE(r.protocol.on_list(410, "", ""));
  EXPECT_EQ(r.protocol.next().target.find("continue"), std::string::npos);
}

TEST(Watch, backs_off_with_jitter_within_bounds_and_obeys_retry_after) {
  Recorder r;
  milliseconds before{0};
  for (int i = 0; i < 12; ++i) {
    r.protocol.on_connection_lost();
    before = r.protocol.next().delay;
    EXPECT_GE(before, milliseconds{250});
    EXPECT_LE(before, milliseconds{30'000});
  }
  EXPECT_GE(before, milliseconds{15'000});
  EXPECT_FALSE(r.protocol.on_list(429, "{}", "60"));
  EXPECT_EQ(r.protocol.next().delay, milliseconds{60'000});
  EXPECT_EQ(r.protocol.next().delay, milliseconds{0});
  r.listed();
  r.protocol.on_connection_lost();
  EXPECT_LE(r.protocol.next().delay, milliseconds{500});
}

TEST(Watch, cut_in_the_middle_of_an_event_goes_on_from_the_version_before) {
  Recorder r;
  r.listed();
  EXPECT_FALSE(r.protocol.on_watch_line(R"({"type":"ADDED","object":{"metada)"));
  auto step = r.protocol.next();
  EXPECT_NE(step.target.find("resourceVersion=10"), std::string::npos);
  EXPECT_GT(step.delay, milliseconds{0});
}

TEST(Watch, refusals_say_what_to_do) {
  Recorder r;
  EXPECT_EQ(r.protocol.on_list(401, "", "").error().code, ErrorCode::unauthorized);
  auto e = r.protocol.on_list(403, R"({"message":"pods is forbidden"})", "").error();
  EXPECT_EQ(e.what, "pods is forbidden");
  EXPECT_NE(e.hint.find("rights"), std::string::npos);
  EXPECT_FALSE(r.protocol.on_list(200, "<html>", ""));
}

}  // namespace
}  // namespace lemmy::kube
