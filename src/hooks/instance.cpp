// POST /hooks/instance: a host that booted asks for its build.
#include <fmt/format.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"
#include "hooks/common.h"
#include "hooks/instance_call.h"

namespace lemmy::hooks {
namespace {

// A host behind one interface: who it is, and what its proof is good for.
Result<access::InstanceCaller> identify_instance(const State& state, const net::Request& request,
                                                 const InstanceFields& fields, Time at) {
  auto config = state.services.config();
  const bool open = state.options.open && !config->has_access;
  const bool is_signed = !net::header(request.headers, "X-Lemmy-Signature").empty();
  std::optional<Error> unproven;  // why it is no host, before a hook's token is tried
  if (!open && !is_signed) {
    access::InstanceRequest proof = fields.proof;
    proof.target = fields.call.target;
    proof.instance_id = fields.call.id;
    proof.remote = request.remote;
    proof.authorization = net::header(request.headers, "Authorization");
    auto keys = state.options.instance_keys ? state.options.instance_keys() : nullptr;
    static const access::InstanceKeys none;
    auto caller = access::verify_instance(config->access, keys ? *keys : none, proof, at);
    // A bearer token may also be a hook's: of a relay that asks for others.
    if (caller || caller.error().code != ErrorCode::unauthorized) return caller;
    unproven = caller.error();
  }
  auto hook = identify(state, request, at);
  if (!hook) return fail(unproven.value_or(hook.error()));
  if (!hook->may_touch(fields.call.target.project))
    return fail(ErrorCode::forbidden, "project",
                fmt::format("hook {} is not for project {}", hook->name, fields.call.target.project),
                "hooks." + hook->name + ".projects of access.yaml lists what it is for");
  access::InstanceCaller caller;
  caller.name = "hook " + hook->name;
  return caller;
}

// What can never become a run is said at once.
Result<> check_deployer(const config::Config& config, const Target& target) {
  const config::Project* p = config.project(target.project);
  const config::ProjectEnvironment* e = p ? p->environment(target.environment) : nullptr;
  if (p && !e) {
    std::vector<std::string> names;
    for (const auto& known : p->environments) names.push_back(known.name);
    auto near = nearest(target.environment, names);
    return fail(ErrorCode::invalid, "environment",
                fmt::format("{} has no environment '{}'", target.project, target.environment),
                near ? "did you mean '" + *near + "'?" : "it has: " + join(names, ", "));
  }
  if (e && e->deployer != Deployer::ansible)
    return fail(ErrorCode::invalid, "environment",
                fmt::format("{} runs on pods: no host of it asks for a build", target.str()),
                "deployer: ansible in environments.json or project.yaml makes it run on hosts");
  return {};
}

net::Response accepted(const store::Accepted& kept, const InstanceCall& call) {
  net::Response r = route::json_response(json::object{{"delivery", kept.delivery.id},
                                                      {"duplicate", kept.duplicate},
                                                      {"known", kept.delivery.verdict != "unknown_project"},
                                                      {"project", call.target.project},
                                                      {"environment", call.target.environment},
                                                      {"instance_id", call.id}},
                                         202);
  r.headers.emplace("Location", fmt::format("/instances?project={}&environment={}", call.target.project,
                                            call.target.environment));
  return r;
}

// A proof that is good once came again: the same call sent once more is answered alike, all else is a replay.
bool is_replay(const Delivery& first, const Facts& facts, const std::string& body) {
  return first.from != facts.from || first.body != body;
}

// A cloud serves one document until the instance is stopped: an older one than was seen is somebody's copy.
Task<Result<>> check_launch(Shared state, InstanceCall call) {
  if (!call.launched_at) co_return Result<>{};
  auto known =
      co_await with_deadline(state->services.store->instance(call.target, call.id), kStoreLimit, "the store");
  if (!known && known.error().code != ErrorCode::not_found) co_return fail(known.error());
  if (!known || !known->launched_at || *known->launched_at <= *call.launched_at) co_return Result<>{};
  co_return fail(ErrorCode::unauthorized, "hook",
                 "the document is older than one that was seen of this instance",
                 "read it anew from the instance's metadata");
}

Task<Result<store::Accepted>> keep(Shared state, Delivery delivery, InstanceCall call) {
  return with_deadline(state->services.store->accept_instance(std::move(delivery), std::move(call)),
                       kStoreLimit, "the store");
}

Task<net::Response> take_instance(Shared state, route::Call call) {
  const net::Request& request = call.request;
  const std::string path = request.path;
  if (auto wait = flood(state, "instance", request)) co_return std::move(*wait);
  Facts facts{"instance", now(), request.remote, "", ""};
  auto fields = read_instance_call(request, facts.at);
  if (!fields) {
    // What is wrong with a call is said to those who have some proof; the others learn that they have none.
    auto known = identify_instance(*state, request, {}, facts.at);
    const bool stranger = !known && known.error().code == ErrorCode::unauthorized;
    co_return co_await refuse(state, facts, "", stranger ? known.error() : fields.error(), path);
  }
  facts.project = shorten(valid_utf8(fields->call.target.project), 64);
  facts.environment = shorten(valid_utf8(fields->call.target.environment), 64);
  auto caller = identify_instance(*state, request, *fields, facts.at);
  const std::string kept_body = shorten(fields->for_ledger, kLedgerBody - 8);
  if (fields->missing && (caller || caller.error().code != ErrorCode::unauthorized))
    co_return co_await refuse(state, facts, kept_body, *fields->missing, path);
  if (!caller) co_return co_await refuse(state, facts, kept_body, caller.error(), path);
  facts.caller = caller->name;
  if (auto good = check_instance_call(fields->call); !good)
    co_return co_await refuse(state, facts, kept_body, good.error(), path);
  auto config = state->services.config();
  if (auto good = check_deployer(*config, fields->call.target); !good)
    co_return co_await refuse(state, facts, kept_body, good.error(), path);

  InstanceCall& asks = fields->call;
  if (!caller->address.empty()) asks.address = caller->address;
  asks.identity = caller->name;
  asks.launched_at = caller->launched_at;
  if (auto good = co_await check_launch(state, asks); !good) {
    if (good.error().code != ErrorCode::unauthorized) co_return answer(good.error(), path);
    co_return co_await refuse(state, facts, kept_body, good.error(), path);
  }
  // A host that boots again says the same as before: without an id every call counts.
  std::string id = "call-" + random_hex(12);
  if (!caller->once.empty()) {
    id = "once/" + caller->once;
  } else if (!net::header(request.headers, "X-Lemmy-Delivery").empty()) {
    auto given = delivery_id(request, caller->name);
    if (!given) co_return co_await refuse(state, facts, kept_body, given.error(), path);
    id = *given;
  }
  const bool known = config->project(asks.target.project) != nullptr;
  const std::string verdict = known ? "accepted" : "unknown_project";
  auto kept = co_await keep(state, entry(facts, std::move(id), kept_body, verdict), asks);
  // An instance of AWS has one document until it is stopped: from the same place it is another call.
  const bool boots_again =
      kept && kept->duplicate && caller->launched_at && !is_replay(kept->delivery, facts, kept_body);
  if (boots_again)
    kept = co_await keep(state, entry(facts, "call-" + random_hex(12), kept_body, verdict), asks);
  if (!kept) {
    count_verdict("instance", "failed");
    log::error("hook not taken", {{"project", asks.target.project},
                                  {"environment", asks.target.environment},
                                  {"hook", "instance"},
                                  {"what", kept.error().str()}});
    co_return answer(kept.error(), path);
  }
  if (kept->duplicate && is_replay(kept->delivery, facts, kept_body)) {
    Error e = caller->once.empty()
                  ? Error{ErrorCode::conflict, "X-Lemmy-Delivery",
                          "this id was used before, for another call", "give each call an id of its own"}
                  : Error{ErrorCode::unauthorized, "hook", "this proof was used before, from another place",
                          "fetch a new identity token for each call"};
    co_return co_await refuse(state, facts, kept_body, std::move(e), path);
  }
  count_verdict("instance", kept->duplicate ? "duplicate" : kept->delivery.verdict);
  if (!kept->duplicate) {
    log::info("instance asks", {{"project", asks.target.project},
                                {"environment", asks.target.environment},
                                {"instance", asks.id},
                                {"address", asks.address},
                                {"caller", facts.caller}});
    if (state->services.instances) state->services.instances->called(asks.target);
    state->services.feed->changed(asks.target);
  }
  co_return accepted(*kept, asks);
}

json::object instance_operation() {
  auto text = [](std::string_view about) { return json::object{{"type", "string"}, {"description", about}}; };
  json::object properties{
      {"project", text("1 to 40 lower-case letters, digits and -")},
      {"environment", text("where the host belongs")},
      {"instance_id", text("as the cloud names the instance; also taken as instance-id")},
      {"address", text("by which the inventory knows it; else the address that the call comes from")},
      {"aws_document", text("instance identity document, base64")},
      {"aws_signature", text("its signature, base64")},
      {"aws_pkcs7", text("or the document and its signature as PKCS #7, base64")}};
  return {
      {"requestBody", call_body(std::move(properties), {"project", "environment", "instance_id"})},
      {"description",
       "Fields may also stand in the query. Who calls proves itself by Authorization: Bearer (a token of "
       "the target, an identity token of Google's, or a hook's token), by a document of AWS, or by "
       "X-Lemmy-Signature."},
      {"parameters", json::array{header_parameter("X-Lemmy-Delivery", "the same id again is counted once")}},
      {"responses", {{"202", {{"description", "It is kept, and the host gets its build"}}}}}};
}

}  // namespace

void add_instance(route::Router& router, Shared state) {
  show_verdicts("instance");
  router.add({.method = "POST",
              .pattern = "/hooks/instance",
              .who = route::Who::hook,
              .kind = route::Kind::hook,
              .summary = "A host that booted asks for its build",
              .handle = [state](route::Call call) { return take_instance(state, std::move(call)); },
              .openapi = instance_operation()});
}

}  // namespace lemmy::hooks
