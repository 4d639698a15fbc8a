#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/files.h"
#include "base/strings.h"
#include "kube/client.h"
#include "kube/kubeconfig.h"
#include "kube/objects.h"

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
  auto a = load_kubeconfig({d.file("config", config("{token: secret}"))}, "");
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
      {d.file("config", config("{client-certificate: client.crt, client-key: client.key, tokenFile: tok}"))},
      "main");
  ASSERT_TRUE(a) << a.error().str();
  EXPECT_EQ(a->tls.client_certificate_pem, "CERT");
  EXPECT_EQ(a->tls.client_key_pem, "KEY");
  EXPECT_EQ(a->token_file, (d.path / "tok").string());
}

Error answered(int status, const std::string& message) {
  return api_error(status, json::serialize(json::object{{"kind", "Status"}, {"message", message}}),
                   "replicationcontrollers hello-1 in staging");
}

TEST(ApiError, a_field_that_the_schema_refuses_is_no_trouble_that_passes_and_comes_first) {
  const std::string head =
      "failed to create typed patch object (staging/hello-1; /v1, Kind=ReplicationController): ";
  const std::string comand =
      ".spec.template.spec.containers[name=\"app\"].comand: field not declared in schema";
  Error e = answered(500, head + comand);
  EXPECT_EQ(e.code, ErrorCode::rejected);
  EXPECT_EQ(e.where, ".spec.template.spec.containers[name=\"app\"].comand");
  EXPECT_EQ(e.what, "field not declared in schema, in replicationcontrollers hello-1 in staging");
  EXPECT_NE(e.hint, "");

  e = answered(500,
               head + "errors:\n  .spec.replicas: expected numeric (int or float), got string\n  " + comand);
  EXPECT_EQ(e.where, ".spec.replicas");
  EXPECT_EQ(e.what, "expected numeric (int or float), got string; " + comand +
                        ", in replicationcontrollers hello-1 in staging");

  e = answered(
      500,
      "failed to convert new object (staging/hello-1; /v1, Kind=ReplicationController) to proper version: "
      "unable to convert unstructured object to /v1, Kind=ReplicationController: quantities must match");
  EXPECT_EQ(e.code, ErrorCode::rejected);
  EXPECT_EQ(e.where, "replicationcontrollers hello-1 in staging");
  EXPECT_EQ(e.what, "quantities must match");
}

TEST(ApiError, what_admission_refuses_is_told_from_a_right_that_is_missing) {
  const Error right = answered(
      403,
      R"(pods is forbidden: User "ada" cannot create resource "pods" in API group "" in the namespace "staging")");
  EXPECT_TRUE(may_not(right));
  EXPECT_NE(right.hint.find("docs/operations.md"), std::string::npos);
  for (
      const auto& [message, hint] : std::vector<std::pair<const char*, const char*>>{
          {R"(pods "a" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true)",
           "securityContext"},
          {R"(pods "a" is forbidden: minimum cpu usage per Container is 200m, but request is 100m)",
           "LimitRange"},
          {R"(pods "a" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 4)",
           "LimitRange"},
          {R"(pods "a" is forbidden: exceeded quota: full, requested: pods=1)", "ResourceQuota"}}) {
    const Error e = answered(403, message);
    EXPECT_FALSE(may_not(e)) << message;
    EXPECT_EQ(e.code, ErrorCode::rejected) << message;
    EXPECT_NE(e.hint.find(hint), std::string::npos) << message;
  }
  EXPECT_FALSE(may_not(answered(422, R"(User "ada" cannot be)")));
}

TEST(ApiError, other_errors_of_the_server_may_pass) {
  for (const char* message : {"etcdserver: request timed out", "failed to create typed patch object", ""})
    EXPECT_EQ(answered(500, message).code, ErrorCode::unavailable) << message;
  EXPECT_EQ(answered(503, "").code, ErrorCode::unavailable);
}

TEST(Kubeconfig, errors_say_what_is_missing) {
  TempDir d;
  EXPECT_EQ(load_kubeconfig({(d.path / "none").string()}, "").error().code, ErrorCode::not_found);
  auto path = d.file("config", config("{token: x}"));
  EXPECT_NE(load_kubeconfig({path}, "other").error().what.find("'other'"), std::string::npos);
  EXPECT_FALSE(load_kubeconfig({d.file("broken", "a: [1")}, ""));
  EXPECT_FALSE(load_kubeconfig({d.file("list", "- 1")}, ""));
  EXPECT_FALSE(load_kubeconfig({d.file("b64", config("{client-key-data: '***'}"))}, ""));
}

TEST(ExecPlugin, is_run_and_its_token_and_expiry_are_read) {
  TempDir d;
  d.file("plugin", R"(#!/bin/sh
[ -n "$KUBERNETES_EXEC_INFO" ] || exit 9
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"'$WHO-$1'","expirationTimestamp":"2030-01-01T00:00:00Z"}}'
)",
         0700);
  auto a = load_kubeconfig(
      {d.file("config",
              config("{exec: {apiVersion: client.authentication.k8s.io/v1, command: "
                     "./plugin, interactiveMode: Never, args: [arg], env: [{name: WHO, value: me}]}}"))},
      "");
  ASSERT_TRUE(a) << a.error().str();
  Pool pool{1};
  auto c = block_on(run_exec_plugin(&pool, *a->exec));
  ASSERT_TRUE(c) << c.error().str();
  EXPECT_EQ(c->token, "me-arg");
  EXPECT_EQ(c->expires, parse_time("2030-01-01T00:00:00Z"));
}

TEST(ExecPlugin, that_fails_or_is_missing_says_so) {
  Pool pool{1};
  ExecPlugin p{"client.authentication.k8s.io/v1", {"sh", "-c", "echo no login >&2; exit 4"}, {}, ""};
  auto r = block_on(run_exec_plugin(&pool, p));
  EXPECT_NE(r.error().what.find("exit code 4"), std::string::npos);
  EXPECT_EQ(r.error().detail, "no login\n");
  p = {"v1", {"no-such-plugin"}, {}, "install it from the wiki"};
  EXPECT_EQ(block_on(run_exec_plugin(&pool, p)).error().hint, "install it from the wiki");
  p = {"v1", {"sh", "-c", "echo {}"}, {}, ""};
  EXPECT_FALSE(block_on(run_exec_plugin(&pool, p)));
}

json::object object(std::string_view text) { return parse_json(text, "test")->get_object(); }

TEST(Pod, that_crash_loops_shows_reason_exit_code_and_restarts) {
  Pod p = parse_pod(object(R"({"metadata":{"namespace":"staging","name":"a-1","uid":"u",
    "labels":{"project":"hello","environment":"staging","deploy":"12"}},
    "status":{"phase":"Running","conditions":[{"type":"Ready","status":"False"}],
    "containerStatuses":[{"name":"app","restartCount":4,"ready":false,
      "state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off"}},
      "lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}})"));
  EXPECT_EQ(p.meta.target().str(), "hello/staging");
  EXPECT_EQ(p.meta.deploy, 12);
  EXPECT_EQ(pod_status(p), "CrashLoopBackOff");
  EXPECT_EQ(pod_restarts(p), 4);
  EXPECT_EQ(p.containers[0].last->exit_code, 137);
  EXPECT_EQ(p.containers[0].last->reason, "OOMKilled");
}

TEST(Pod, with_fields_missing_or_of_another_type_is_read_without_harm) {
  Pod p =
      parse_pod(object(R"({"metadata":{"labels":{"deploy":"x"}},"status":{"conditions":"none","phase":7}})"));
  EXPECT_EQ(p.meta.deploy, 0);
  EXPECT_EQ(pod_status(p), "Pending");
}

TEST(Pod, belongs_to_the_owner_that_controls_it) {
  Pod p = parse_pod(object(R"({"metadata":{"namespace":"staging","name":"a-1","uid":"u",
    "labels":{"project":"hello","environment":"staging","deploy":"12"},
    "ownerReferences":[{"uid":"x","controller":false},{"uid":"rc-1","controller":true},{"uid":"y"}]}})"));
  EXPECT_EQ(p.meta.controller, "rc-1");
  EXPECT_TRUE(p.meta.is_stamped());
  for (auto labels : {R"({"environment":"staging","deploy":"12"})", R"({"project":"hello","deploy":"12"})",
                      R"({"project":"hello","environment":"production","deploy":"12"})",
                      R"({"project":"hello","environment":"staging","deploy":"12x"})",
                      R"({"project":"hello","environment":"staging","deploy":"0"})"}) {
    Meta m =
        parse_meta(object(std::string(R"({"metadata":{"namespace":"staging","labels":)") + labels + "}}"));
    EXPECT_FALSE(m.is_stamped()) << labels;
  }
}

TEST(Pod, shows_the_log_of_the_container_that_kubectl_would_show) {
  auto of = [](std::string_view annotations) {
    return parse_pod(object(std::string(R"({"metadata":{"name":"a","annotations":{)") +
                            std::string(annotations) +
                            R"(}},"spec":{"initContainers":[{"name":"setup"}],
                            "containers":[{"name":"web"},{"name":"agent"}]},
                            "status":{"containerStatuses":[{"name":"agent"},{"name":"web"}]}})"))
        .default_container.str();
  };
  EXPECT_EQ(of(""), "web");  // the first of the spec; statuses are sorted by name
  EXPECT_EQ(of(R"("kubectl.kubernetes.io/default-container":"agent")"), "agent");
  EXPECT_EQ(of(R"("kubectl.kubernetes.io/default-container":"none")"), "web");
}

TEST(Log, keeps_its_last_bytes_in_whole_lines) {
  EXPECT_EQ(last_lines("a\nb\n", 10), "a\nb\n");
  EXPECT_EQ(last_lines("aaaa\nbbbb\ncccc\n", 12), "bbbb\ncccc\n");
  EXPECT_EQ(last_lines("aaaa\nbbbb\ncccc\n", 10), "bbbb\ncccc\n");
  EXPECT_EQ(last_lines("aaaaaaaaaaaa", 4), "aaaa");
  EXPECT_EQ(last_lines("x\naaaaaaaaaaaa\n", 4), "aaa\n");
}

}  // namespace
}  // namespace lemmy::kube
