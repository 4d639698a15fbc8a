// The shapes of live/board.h that tell of deploys, for OpenAPI.
#include "api/schema.h"

namespace lemmy::api::schema {
namespace {

json::object deploy() {
  return object({{"project", of("string")},
                 {"environment", of("string")},
                 {"number", of("integer")},
                 {"build", of("string")},
                 {"short_sha", of("string")},
                 {"branch", of("string")},
                 {"image", of("string")},
                 {"deployer", one_of({"kubernetes", "ansible"})},
                 {"cluster", of("string")},
                 {"phase", one_of({"queued", "preparing", "applying", "rolling_out", "settling", "live",
                                   "failed", "cancelled", "superseded"})},
                 {"title", of("string")},
                 {"presence", one_of({"none", "running", "zeroed", "deleted"})},
                 {"wanted", one_of({"running", "zeroed", "deleted"})},
                 {"who", of("string")},
                 {"reason", of("string")},
                 {"release", of("string")},
                 {"release_url", of("string")},
                 {"rollback_of", maybe("integer")},
                 {"follows", maybe("integer")},
                 {"created_at", at_time()},
                 {"phase_at", at_time()},
                 {"serving_since", maybe_time()},
                 {"serves", of("integer")},
                 {"out_by", of("integer")},
                 {"vanished", of("boolean")},
                 {"at_once", of("boolean")},
                 {"places", list(object({{"name", of("string")},
                                         {"kind", of("string")},
                                         {"object", of("string")},
                                         {"phase", of("string")},
                                         {"presence", of("string")},
                                         {"wanted", of("string")},
                                         {"running", of("integer")},
                                         {"cause", maybe("string")}}))},
                 {"finished_at", maybe_time()},
                 {"object_name", of("string")},
                 {"replicas", of("integer")},
                 {"cause", maybe_ref("Cause")},
                 {"note", of("string")},
                 {"age", of("string")},
                 {"url", of("string")},
                 {"warnings", list(of("string"))},  // of one that was asked for just now
                 {"finished", of("boolean")},
                 {"serving", of("boolean")},
                 {"recovered", of("boolean")},
                 {"ready", of("integer")},
                 {"wanted_pods", of("integer")},
                 {"actions", list(one_of({"cancel", "zero", "delete", "restore", "rollback", "accept"}))}});
}

// deploy/difference.h, deploy/failure.h
void add_explanations(json::object& out) {
  const auto version = [] {
    return object({{"state", one_of({"none", "same", "changed", "added", "removed", "unknown"})},
                   {"before", of("string")},
                   {"after", of("string")}});
  };
  json::object fields = object({{"object", of("string")},
                                {"path", of("string")},
                                {"change", one_of({"added", "removed", "changed"})},
                                {"before", maybe("string")},
                                {"after", maybe("string")},
                                {"from", of("string")},
                                {"by_build", of("boolean")}});
  json::object images =
      object({{"container", of("string")},
              {"before", maybe("string")},
              {"after", maybe("string")},
              {"state", one_of({"same_digest", "other_digest", "same_tag", "other", "added", "removed"})},
              {"text", of("string")}});
  out["Difference"] = object({{"build", of("object")},
                              {"fields", list(std::move(fields))},
                              {"left_out", of("integer")},
                              {"fields_why", of("string")},
                              {"images", list(std::move(images))},
                              {"config_map", version()},
                              {"secret", version()},
                              {"summary", of("string")}});
  json::object logs = object({{"previous", of("boolean")},
                              {"first", of("string")},
                              {"last", of("string")},
                              {"whole", of("boolean")}});
  json::object roles = object({{"summary", of("string")},
                               {"reason", of("string")},
                               {"container", of("string")},
                               {"exit_code", maybe("integer")},
                               {"message", of("string")},
                               {"hint", of("string")},
                               {"fatal", of("boolean")},
                               {"pods", of("integer")},
                               {"sample", of("object")},
                               {"logs", list(std::move(logs))}});
  out["Failure"] = object({{"deploy", ref("Deploy")},
                           {"cause", maybe_ref("Cause")},
                           {"at", maybe_time()},
                           {"last_good", maybe("integer")},
                           {"difference", maybe_ref("Difference")},
                           {"why", of("string")},
                           {"pods", of("integer")},
                           {"ready", of("integer")},
                           {"roles", list(std::move(roles))},
                           {"roles_left_out", of("integer")},
                           {"events", list(of("object"))}});
  out["RollbackPreview"] = object({{"to", ref("Deploy")},
                                   {"serving", maybe_ref("Deploy")},
                                   {"possible", of("boolean")},
                                   {"why", of("string")},
                                   {"difference", maybe_ref("Difference")},
                                   {"takes_out", list(of("integer"))},
                                   {"stays", list(of("integer"))},
                                   {"waits_for", maybe("integer")},
                                   {"supersedes", list(of("integer"))},
                                   {"secret", maybe("string")},
                                   {"capacity", maybe("object")},
                                   {"lines", list(of("string"))}});
}

}  // namespace

void add_deploy_schemas(json::object& out) {
  out["Deploy"] = deploy();
  out["Deploys"] = object({{"deploys", list(ref("Deploy"))}, {"next", of("string")}});
  out["Status"] = object({{"deploy", ref("Deploy")},
                          {"project", of("object")},
                          {"environment", of("object")},
                          {"build", maybe_ref("Build")},
                          {"cause", maybe_ref("Cause")},
                          {"queue", maybe("object")},
                          {"cluster", of("object")},
                          {"pods", list(of("object"))},
                          {"answers", maybe("object")},
                          {"drift", maybe("object")},
                          {"health", maybe("string")},
                          {"health_text", of("string")},
                          {"hosts", maybe("object")},
                          {"autoscaler", maybe("object")},
                          {"events", list(of("object"))},
                          {"history", list(of("object"))},
                          {"secret_changed", of("boolean")},
                          {"previous", list(ref("Deploy"))}});
  add_explanations(out);
  out["Release"] = object({{"warnings", list(of("string"))},
                           {"release", object({{"id", of("string")},
                                               {"project", of("string")},
                                               {"build", of("string")},
                                               {"who", of("string")},
                                               {"reason", of("string")},
                                               {"created_at", at_time()},
                                               {"url", of("string")},
                                               {"rollback", of("boolean")},
                                               {"state", one_of({"in_progress", "live", "failed", "mixed"})},
                                               {"title", of("string")},
                                               {"finished", of("boolean")},
                                               {"can_go_back", of("boolean")},
                                               {"all_can_go_back", of("boolean")}})},
                           {"deploys", list(ref("Deploy"))}});
  json::object tried = object({{"kind", of("string")},
                               {"name", of("string")},
                               {"ok", of("boolean")},
                               {"tried", of("boolean")},
                               {"what", of("string")},
                               {"hint", of("string")},
                               {"warnings", list(of("string"))}});
  out["DryRun"] = object({{"warnings", list(of("string"))},
                          {"id", of("string")},
                          {"project", of("string")},
                          {"environment", of("string")},
                          {"build", of("string")},
                          {"short_sha", of("string")},
                          {"branch", of("string")},
                          {"deployer", one_of({"kubernetes", "ansible"})},
                          {"who", of("string")},
                          {"state", one_of({"running", "passed", "failed", "cancelled"})},
                          {"finished", of("boolean")},
                          {"started_at", at_time()},
                          {"finished_at", maybe_time()},
                          {"note", of("string")},
                          {"cause", maybe_ref("Cause")},
                          {"hosts", maybe("object")},
                          {"objects", list(std::move(tried))}});
}

}  // namespace lemmy::api::schema
