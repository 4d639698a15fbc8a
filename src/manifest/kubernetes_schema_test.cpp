#include "manifest/kubernetes_schema.h"

#include <gtest/gtest.h>

namespace lemmy::manifest {
namespace {

json::object controller(std::string_view container, std::string_view more = "") {
  return json::parse(R"({"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "a"},
    "spec": {"replicas": 1, "selector": {"a": "b"}, "template": {"metadata": {"labels": {"a": "b"}},
    "spec": {"containers": [{"name": "app", "image": "i")" +
                     std::string(container) + "}]" + std::string(more) + "}}}}")
      .as_object();
}

// "path: what -> hint" of the only fault; "" of none.
std::string said(const json::object& o) {
  const auto all = schema_faults(o);
  if (all.empty()) return "";
  std::string out = index_path(all.front().steps) + ": " + all.front().what;
  if (!all.front().hint.empty()) out += " -> " + all.front().hint;
  return all.size() == 1 ? out : out + " and more";
}

constexpr std::string_view kApp = "spec.template.spec.containers[0]";

TEST(KubernetesSchema, what_the_api_server_takes_is_right) {
  EXPECT_EQ(said(controller("")), "");
  EXPECT_EQ(
      said(controller(
          R"(, "ports": [{"containerPort": 80, "name": "grpc"}, {"containerPort": 80, "protocol": "UDP"}],
      "resources": {"limits": {"cpu": 2, "memory": "1Gi", "nvidia.com/gpu": 1}},
      "env": [{"name": "A", "value": "b"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
      "livenessProbe": {"httpGet": {"path": "/", "port": "grpc"}, "periodSeconds": 5}, "securityContext": null)")),
      "");
  EXPECT_EQ(
      said(controller(
          "",
          R"(, "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}], "nodeSelector": {"a": "b"})")),
      "");
}

TEST(KubernetesSchema, unknown_fields_are_named_with_what_was_meant) {
  const std::string app(kApp);
  EXPECT_EQ(said(controller(R"(, "livenesProbe": {})")),
            app + ".livenesProbe: Container has no such field -> did you mean 'livenessProbe'?");
  EXPECT_EQ(said(controller(R"(, "resources": {"limit": {}})")),
            app + ".resources.limit: ResourceRequirements has no such field -> did you mean 'limits'?");
  EXPECT_EQ(said(controller("", R"(, "whatever": 1)")),
            "spec.template.spec.whatever: PodSpec has no such field");
  EXPECT_TRUE(schema_faults(controller("", R"(, "whatever": 1)")).front().unknown);
}

TEST(KubernetesSchema, values_are_of_those_that_there_are) {
  const std::string app(kApp);
  EXPECT_EQ(
      said(controller(R"(, "imagePullPolicy": "always")")),
      app +
          ".imagePullPolicy: it is one of Always, IfNotPresent and Never, and not 'always' -> did you mean "
          "'Always'?");
  EXPECT_EQ(said(controller(R"(, "imagePullPolicy": "")")), "") << "as if it were left out";
  EXPECT_EQ(
      said(controller("", R"(, "tolerations": [{"operator": "Exist"}])")),
      "spec.template.spec.tolerations[0].operator: it is one of Equal and Exists, and not 'Exist' -> did you "
      "mean 'Exists'?");
  EXPECT_TRUE(schema_faults(controller("", R"(, "dnsPolicy": "Mine")")).front().unknown)
      << "a newer one may have it";
  EXPECT_EQ(said(controller("", R"(, "terminationGracePeriodSeconds": 4294967296)")), "") << "of 64 bits";
  EXPECT_EQ(said(controller(R"(, "livenessProbe": {"periodSeconds": 4294967296, "grpc": {"port": 1}})")),
            app + ".livenessProbe.periodSeconds: it does not fit into 32 bits");
  EXPECT_EQ(said(json::parse(R"({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec":
              {"ipFamilies": ["IPv4", "ipv6"], "ports": [{"port": 1}]}})")
                     .as_object()),
            "spec.ipFamilies[1]: it is one of IPv4 and IPv6, and not 'ipv6' -> did you mean 'IPv6'?");
}

TEST(KubernetesSchema, what_is_of_one_kind_is_of_no_other) {
  const std::string app(kApp);
  EXPECT_EQ(said(controller(R"(, "livenessProbe": {"periodSeconds": 5})")),
            app + ".livenessProbe: a probe needs one of exec, grpc, httpGet and tcpSocket");
  EXPECT_EQ(
      said(controller(
          R"(, "lifecycle": {"preStop": {"exec": {}, "sleep": {"seconds": 1}, "httpGet": null}})")),
      app + ".lifecycle.preStop: a hook is of one kind, and this has exec and sleep -> keep one of them");
  EXPECT_EQ(said(controller("", R"(, "volumes": [{"name": "v"}])")), "") << "an emptyDir";
  EXPECT_EQ(
      said(controller("", R"(, "volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}])")),
      "spec.template.spec.volumes[0]: a volume is of one kind, and this has emptyDir and hostPath -> keep "
      "one "
      "of them");
  EXPECT_TRUE(
      said(controller(R"(, "env": [{"name": "A", "valueFrom": {}}])")).contains("a source needs one of"));
}

TEST(KubernetesSchema, names_that_are_used_are_there_and_are_given_once) {
  const std::string app(kApp);
  EXPECT_EQ(said(controller(R"(, "volumeMounts": [{"name": "dta", "mountPath": "/d"}])",
                            R"(, "volumes": [{"name": "data"}])")),
            app + ".volumeMounts[0].name: there is no volume 'dta' -> did you mean 'data'?");
  EXPECT_EQ(said(controller(
                R"(, "ports": [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}])")),
            app + ".ports[1].name: another port of the list has the name 'a' -> give each its own");
  EXPECT_TRUE(said(json::parse(R"({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec":
              {"ports": [{"port": 1, "name": "x"}, {"port": 2}]}})")
                       .as_object())
                  .starts_with("spec.ports[1].name: each of several ports needs a name"));
}

TEST(KubernetesSchema, values_have_the_types_of_their_fields) {
  const std::string app(kApp);
  EXPECT_EQ(
      said(controller(R"(, "ports": [{"containerPort": "80"}])")),
      app +
          R"(.ports[0].containerPort: a whole number is expected, and it is "80" -> leave the quotation marks out)");
  EXPECT_EQ(said(controller(R"(, "args": ["a", 1])")),
            app + ".args[1]: a text is expected, and it is 1 -> put it in quotation marks");
  EXPECT_EQ(said(controller(R"(, "tty": "yes")")),
            app + R"(.tty: true or false is expected, and it is "yes" -> leave the quotation marks out)");
  EXPECT_EQ(said(controller(R"(, "env": {"A": "b"})")),
            app + R"(.env: a list is expected, and it is {"A":"b"})");
  EXPECT_EQ(said(controller(R"(, "livenessProbe": {"periodSeconds": 2.5})")).substr(0, 86),
            app + ".livenessProbe.periodSeconds: a whole number is expect");
  EXPECT_FALSE(schema_faults(controller(R"(, "tty": "yes")")).front().unknown);
}

TEST(KubernetesSchema, names_labels_quantities_and_what_stands_twice) {
  const std::string app(kApp);
  EXPECT_EQ(
      said(controller(R"(, "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}])")),
      app +
          ".ports[1]: an item of the list has containerPort 80 and protocol TCP already -> take one of them "
          "out");
  EXPECT_EQ(said(controller(R"(, "ports": [{"containerPort": 0}])")),
            app + ".ports[0].containerPort: a port is from 1 to 65535");
  EXPECT_EQ(said(controller(R"(, "ports": [{"containerPort": 1, "name": "Http"}])")).substr(0, 52),
            app + ".ports[0].name: 'Htt");
  EXPECT_NE(said(controller(R"(, "resources": {"limits": {"memory": "1 Gi"}})")), "");
  EXPECT_NE(said(controller("", R"(, "volumes": [{"name": "a_b"}])")), "");
  EXPECT_NE(said(controller("", R"(, "volumes": [{"name": "a"}, {"name": "a"}])")), "");
  json::object o = controller("");
  o["metadata"].as_object()["labels"] = {{"team", "two words"}};
  EXPECT_NE(said(o), "");
  EXPECT_EQ(said(controller(R"(, "env": [{"value": "x"}])")), app + ".env[0]: EnvVar needs 'name'");
}

TEST(KubernetesSchema, variables_that_stand_too_late_to_be_put_in_are_told) {
  const std::string app(kApp);
  const auto of = [](std::string_view b) {
    return said(
        controller(R"x(, "env": [{"name": "B", "value": ")x" + std::string(b) +
                   R"x("}, {"name": "A", "value": "$(B) $$(C) $(none)"}, {"name": "C", "value": "c"}])x"));
  };
  EXPECT_EQ(of("b"), "");
  const std::string what =
      " is not replaced: that variable does not stand before this one -> variables that "
      "Lemmy sets come last: read them in the program, or write $$( for the text";
  EXPECT_EQ(of("$(C)"), app + ".env[0].value: $(C)" + what);
  EXPECT_EQ(of("$(B)"), app + ".env[0].value: $(B)" + what);
}

TEST(KubernetesSchema, kinds_that_went_are_told_and_those_of_others_are_not_judged) {
  auto of = [](const char* version, const char* kind) {
    return said({{"apiVersion", version}, {"kind", kind}, {"whatever", 1}});
  };
  EXPECT_EQ(of("batch/v1beta1", "CronJob"),
            ": Kubernetes 1.34 has no batch/v1beta1/CronJob -> did you mean batch/v1/CronJob?");
  EXPECT_EQ(of("v1", "Deployment"),
            ": Kubernetes 1.34 has no v1/Deployment -> did you mean apps/v1/Deployment?");
  EXPECT_EQ(of("monitoring.coreos.com/v1", "ServiceMonitor"), "");
  EXPECT_EQ(of("gateway.networking.k8s.io/v1", "HTTPRoute"), "");
  EXPECT_EQ(of("serving.knative.dev/v1", "Service"), "");
  EXPECT_EQ(of("resource.k8s.io/v1beta2", "ResourceClaim"), "");
  EXPECT_EQ(said({{"kind", "Service"}}),
            ": an object needs apiVersion and kind -> such as \"apiVersion\": \"v1\"");
  EXPECT_EQ(schema_version(), "1.34");
}

}  // namespace
}  // namespace lemmy::manifest
