#include "manifest/drift.h"

#include <gmock/gmock.h>

#include "domain/names.h"

namespace lemmy::manifest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

json::object object(std::string_view text) { return json::parse(text).get_object(); }

constexpr const char* kService = R"({"apiVersion": "v1", "kind": "Service",
  "metadata": {"name": "hello", "namespace": "staging", "labels": {"project": "hello"}},
  "spec": {"selector": {"project": "hello", "lemmy/answers": "yes"},
           "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}})";

// As the API server has it: with what it sets by itself, and who wrote what.
json::object service_live() {
  json::object o = object(kService);
  json::object& spec = o["spec"].get_object();
  spec["clusterIP"] = "10.0.0.1";
  spec["ports"].get_array()[0].get_object()["protocol"] = "TCP";
  o["status"] = object(R"({"loadBalancer": {}})");
  json::object& meta = o["metadata"].get_object();
  meta["uid"] = "1";
  meta["managedFields"] = json::parse(R"([
    {"manager": "lemmy", "operation": "Apply", "time": "2026-11-30T10:00:00Z", "fieldsV1": {
      "f:metadata": {"f:labels": {"f:project": {}}},
      "f:spec": {"f:selector": {}, "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {
        ".": {}, "f:name": {}, "f:port": {}, "f:targetPort": {}}}}}}])");
  return o;
}

json::object& port_of(json::object& o) { return o["spec"].get_object()["ports"].get_array()[0].get_object(); }

std::vector<std::string> lines(const std::vector<Drift>& all) {
  std::vector<std::string> out;
  for (const Drift& d : all) out.push_back(drift_line(d));
  return out;
}

std::vector<std::string> found(const json::object& manifest, std::optional<json::object> live,
                               std::optional<json::object> anew, bool autoscaled = false) {
  return lines(drift(manifest, {std::move(live), std::move(anew)}, autoscaled));
}

void edited(json::object& o, std::string_view manager, std::string_view fields) {
  o["metadata"].get_object()["managedFields"].get_array().push_back(
      json::object{{"manager", manager},
                   {"operation", "Update"},
                   {"time", "2026-11-30T12:00:00Z"},
                   {"fieldsV1", json::parse(fields)}});
}

TEST(Drift, what_is_as_it_was_applied_and_what_the_cluster_sets_by_itself_is_none) {
  EXPECT_THAT(found(object(kService), service_live(), service_live()), ElementsAre());
  EXPECT_THAT(found(object(kService), service_live(), std::nullopt), ElementsAre());
}

TEST(Drift, an_object_that_is_not_there_was_deleted_by_somebody) {
  auto all = drift(object(kService), {}, false);
  EXPECT_THAT(lines(all), ElementsAre("Service hello: somebody deleted it"));
  EXPECT_EQ(to_json(all[0])["what"], "deleted");
  json::object going = service_live();  // a finalizer holds it
  going["metadata"].get_object()["deletionTimestamp"] = "2026-11-30T12:00:00Z";
  EXPECT_THAT(found(object(kService), going, service_live()),
              ElementsAre("Service hello: somebody deleted it (2026-11-30T12:00:00Z)"));
}

TEST(Drift, a_field_that_somebody_changed_names_who_has_it_now) {
  json::object live = service_live();
  port_of(live)["targetPort"] = 9090;
  edited(live, "kubectl-edit",
         R"({"f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:targetPort": {}}}}})");
  auto all = drift(object(kService), {live, service_live()}, false);
  EXPECT_THAT(lines(all),
              ElementsAre("Service hello: spec.ports[http].targetPort is 9090, was applied as 8080 "
                          "(kubectl-edit, 2026-11-30T12:00:00Z)"));
  const json::object told = to_json(all[0]);
  EXPECT_EQ(told.at("applied"), "8080");
  EXPECT_EQ(told.at("live"), "9090");
  EXPECT_EQ(told.at("what"), "changed");
}

// Two ports of one name: applying it anew is refused, so that there is nothing to compare with but itself.
TEST(Drift, what_could_not_be_applied_anew_is_compared_by_what_the_manifest_names) {
  json::object live = service_live();
  port_of(live)["port"] = 81;
  edited(live, "kubectl-edit",
         R"({"f:spec": {"f:ports": {"k:{\"port\":81,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}}})");
  EXPECT_THAT(found(object(kService), live, std::nullopt),
              ElementsAre("Service hello: spec.ports[http].port is 81, was applied as 80 "
                          "(kubectl-edit, 2026-11-30T12:00:00Z)"));
}

TEST(Drift, who_answers_is_a_label_that_lemmy_moves_and_no_drift) {
  json::object live = service_live();
  live["spec"].get_object()["selector"].get_object()[kAnswersLabel] = "no";
  EXPECT_THAT(found(object(kService), live, service_live()), ElementsAre());
  live["spec"].get_object()["selector"].get_object()["project"] = "other";
  EXPECT_THAT(found(object(kService), live, service_live()),
              ElementsAre(HasSubstr("spec.selector.project is other, was applied as hello")));
}

TEST(Drift, a_label_that_somebody_took_away_is_gone_and_one_that_somebody_added_is_theirs) {
  json::object live = service_live();
  live["metadata"].get_object()["labels"] = object(R"({"mine": "1"})");
  live["metadata"].get_object()["annotations"] = object(R"({"seen": "1"})");
  EXPECT_THAT(found(object(kService), live, service_live()),
              ElementsAre("Service hello: metadata.labels.project is gone, was applied as hello"));
}

constexpr const char* kController = R"({"kind": "ReplicationController", "metadata": {"name": "hello-1",
  "labels": {"deploy": "1", "app.kubernetes.io/managed-by": "lemmy"}},
  "spec": {"replicas": 2, "template": {"metadata": {"labels": {"lemmy/answers": "yes"}}, "spec": {"containers": [
    {"name": "app", "args": ["a"], "env": [{"name": "A", "value": ""}],
     "resources": {"requests": {"cpu": "1000m", "memory": 1048576}}}]}}}})";

json::object& container_of(json::object& o) {
  json::object& pod = o["spec"].get_object()["template"].get_object()["spec"].get_object();
  return pod["containers"].get_array()[0].get_object();
}

TEST(Drift, what_somebody_added_beside_what_is_named_is_told_and_what_kubernetes_sets_is_not) {
  json::object live = service_live();
  json::object& spec = live["spec"].get_object();
  spec["type"] = "NodePort";
  spec["externalTrafficPolicy"] = "Local";
  port_of(live)["nodePort"] = 30080;
  edited(live, "kubectl-edit", R"({"f:spec": {"f:type": {}}})");
  edited(live, "kube-controller-manager", R"({"f:spec": {"f:externalTrafficPolicy": {}}})");
  const auto what = ElementsAre(
      "Service hello: spec.type is NodePort, and was not applied (kubectl-edit, 2026-11-30T12:00:00Z)");
  EXPECT_THAT(found(object(kService), live, live), what);
  EXPECT_THAT(found(object(kService), live, std::nullopt), what);
}

TEST(Drift, what_others_had_written_before_lemmy_applied_it_was_taken_over) {
  json::object live = service_live();
  live["spec"].get_object()["sessionAffinity"] = "None";
  edited(live, "kubectl-client-side-apply", R"({"f:spec": {"f:sessionAffinity": {}}})");
  json::array& entries = live["metadata"].get_object()["managedFields"].get_array();
  entries.back().get_object()["time"] = "2026-11-30T09:00:00Z";
  EXPECT_THAT(found(object(kService), live, live), ElementsAre());
}

TEST(Drift, an_item_that_somebody_added_is_one_line) {
  json::object live = service_live();
  live["spec"].get_object()["ports"].get_array().push_back(
      object(R"({"name": "more", "port": 90, "protocol": "TCP", "targetPort": 90})"));
  edited(live, "kubectl-patch",
         R"({"f:spec": {"f:ports": {"k:{\"port\":90,\"protocol\":\"TCP\"}": {
              ".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}}}}})");
  EXPECT_THAT(found(object(kService), live, live),
              ElementsAre(HasSubstr("Service hello: spec.ports[more] is {")));
}

TEST(Drift, what_somebody_added_to_an_item_is_told_beside_what_they_changed_of_it) {
  json::object live = service_live();
  port_of(live)["targetPort"] = 9;
  port_of(live)["appProtocol"] = "h2c";
  edited(
      live, "kubectl-edit",
      R"({"f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:targetPort": {}, "f:appProtocol": {}}}}})");
  EXPECT_THAT(found(object(kService), live, service_live()),
              ElementsAre(HasSubstr("targetPort is 9, was applied as 8080"),
                          HasSubstr("appProtocol is h2c, and was not applied")));
}

TEST(Drift, other_forms_of_what_lemmy_wrote_are_none_when_nothing_can_be_applied_anew) {
  json::object manifest = object(kService), live = service_live();
  port_of(manifest)["nodePort"] = 0;
  port_of(live)["nodePort"] = 30080;
  port_of(manifest)["targetPort"] = "8080";
  manifest["spec"].get_object()["clusterIP"] = nullptr;
  EXPECT_THAT(found(manifest, live, std::nullopt), ElementsAre());
}

TEST(Drift, pods_are_counted_only_where_neither_an_autoscaler_nor_lemmy_scales) {
  json::object live = object(kController);
  live["spec"].get_object()["replicas"] = 5;
  const json::object same = object(kController);
  EXPECT_THAT(found(same, live, same, true), ElementsAre());
  live["metadata"].get_object()["managedFields"] = json::array{};
  edited(live, "kubectl", R"({"f:spec": {"f:replicas": {}}})");
  EXPECT_THAT(found(same, live, same),
              ElementsAre(HasSubstr("spec.replicas is 5, was applied as 2 (kubectl,")));
  live["metadata"].get_object()["managedFields"] = json::array{};
  for (const char* may : {"lemmy", "kube-controller-manager"}) {
    edited(live, may, R"({"f:spec": {"f:replicas": {}}})");
    EXPECT_THAT(found(same, live, same), ElementsAre());
    live["metadata"].get_object()["managedFields"] = json::array{};
  }
}

TEST(Drift, quantities_and_empty_values_are_compared_by_what_they_mean) {
  json::object live = object(kController);
  container_of(live)["resources"] = object(R"({"requests": {"cpu": "1", "memory": "1Mi"}})");
  container_of(live)["env"].get_array()[0].get_object().erase("value");
  EXPECT_THAT(found(object(kController), live, std::nullopt), ElementsAre());
  container_of(live)["resources"] = object(R"({"requests": {"cpu": "2", "memory": "1Mi"}})");
  EXPECT_THAT(found(object(kController), live, std::nullopt), ElementsAre(HasSubstr("requests.cpu is 2")));
}

TEST(Drift, a_variable_that_somebody_took_away_is_one_line) {
  json::object was = object(kController);
  container_of(was)["env"].get_array().push_back(object(R"({"name": "B", "value": "b"})"));
  EXPECT_THAT(found(was, object(kController), was),
              ElementsAre(HasSubstr("env[B].value is gone, was applied as b")));
}

TEST(Drift, a_list_that_is_owned_as_a_whole_names_who_wrote_it) {
  json::object live = object(kController);
  container_of(live)["args"] = json::array{"a", "b"};
  live["metadata"].get_object()["managedFields"] = json::array{};
  edited(live, "helm", R"({"f:spec": {"f:template": {"f:spec": {"f:containers": {
    "k:{\"name\":\"app\"}": {"f:args": {}}}}}}})");
  const json::object same = object(kController);
  EXPECT_THAT(found(same, live, same), ElementsAre(HasSubstr("args[1] is b, and was not applied (helm,")));
}

TEST(Drift, what_a_later_deploy_applied_is_said_once) {
  json::object live = object(kController);
  live["metadata"].get_object()["labels"].get_object()["deploy"] = "7";
  live["metadata"].get_object()["managedFields"] = json::array{};
  edited(live, "lemmy", R"({"f:metadata": {"f:labels": {"f:deploy": {}}}})");
  const json::object same = object(kController);
  auto all = drift(same, {live, same}, false);
  EXPECT_THAT(lines(all), ElementsAre("ReplicationController hello-1: it is as deploy #7 applied it"));
  EXPECT_EQ(to_json(all[0])["what"], "other_deploy");
}

TEST(Drift, the_copy_of_a_config_map_that_several_deploys_share_is_as_it_was_applied) {
  const json::object copy = object(R"({"kind": "ConfigMap", "immutable": true, "data": {"a": "1"},
    "metadata": {"name": "c-1", "labels": {"deploy": "1", "app.kubernetes.io/managed-by": "lemmy"}}})");
  json::object live = copy;
  live["metadata"].get_object()["labels"].get_object()["deploy"] = "2";
  live["metadata"].get_object()["managedFields"] = json::array{};
  edited(live, "lemmy", R"({"f:metadata": {"f:labels": {"f:deploy": {}}}})");
  EXPECT_THAT(found(copy, live, copy), ElementsAre());
}

TEST(Drift, what_managed_fields_say_may_be_anything) {
  json::object live = service_live();
  port_of(live)["targetPort"] = 1;
  for (const char* odd :
       {"1", "[]", "[1, {}]", R"([{"fieldsV1": 1}])", R"([{"fieldsV1": {"f:spec": {"f:ports": 1}}}])",
        R"([{"fieldsV1": {"f:spec": {"f:ports": {"k:": {}, "k:{": {}, "x": {}, "i:9": {}, "v:1": {}}}}}])"}) {
    live["metadata"].get_object()["managedFields"] = json::parse(odd);
    EXPECT_THAT(found(object(kService), live, service_live()), ElementsAre(HasSubstr("was applied as 8080")));
  }
}

}  // namespace
}  // namespace lemmy::manifest
