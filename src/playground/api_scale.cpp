#include <fmt/format.h>

#include "playground/api.h"

namespace lemmy::playground {

bool dry(const net::Request& r) { return r.query_value("dryRun") == "All"; }

Answer<json::object> read_body(const net::Request& r) {
  auto type = net::header(r.headers, "Content-Type");
  if (type.find("protobuf") != type.npos || type.find("cbor") != type.npos)
    return refuse(
        Failure{415,
                "UnsupportedMediaType",
                fmt::format("the body of the request was in an unknown format - accepted media types "
                            "include: application/json, got {}",
                            type),
                {}});
  auto v = parse_json(r.body, "body");
  if (!v || !v->is_object())
    return refuse(
        bad_request("the object provided is unrecognized: " + (v ? "not an object" : v.error().what)));
  return std::move(v->get_object());
}

Answer<> check_version(const json::object& body, const Route& to, const Stored& before) {
  const json::object& meta = sub(body, "metadata");
  std::string version(text_or(meta, "resourceVersion")), uid(text_or(meta, "uid"));
  if (before && !version.empty() && version != text_or(before->meta(), "resourceVersion"))
    return refuse(
        conflict(*to.what, to.name,
                 "the object has been modified; please apply your changes to the latest version and try "
                 "again"));
  if (before && !uid.empty() && uid != before->uid)
    return refuse(conflict(*to.what, to.name,
                           fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}",
                                       uid, before->uid)));
  return {};
}

net::Response scale(World& world, const net::Request& request, const Route& to) {
  Stored rc = world.store.find(to.what->kind, to.ns, to.name);
  if (!rc) return reply(not_found(*to.what, to.name));
  if (request.method != "GET") {
    if (request.method != "PATCH" && request.method != "PUT")
      return reply(Failure{
          405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}});
    auto body = read_body(request);
    if (!body) return reply(body.error());
    auto current = check_version(*body, to, rc);
    if (!current) return reply(current.error());
    int64_t n =
        int_or(sub(*body, "spec"), "replicas", request.method == "PUT" ? 0 : rc->spec_int("replicas", 1));
    if (n < 0)
      return reply(Failure{
          422,
          "Invalid",
          fmt::format("Scale.autoscaling \"{}\" is invalid: spec.replicas: Invalid value: {}: must be "
                      "greater than or equal to 0",
                      to.name, n),
          {}});
    Object next = *rc;
    json::value spec = rc->spec->value;
    spec.get_object()["replicas"] = n;
    next.spec = freeze(std::move(spec));
    rc = dry(request) ? std::make_shared<const Object>(std::move(next)) : world.store.put(std::move(next));
  }
  std::string selector;
  const json::object& chosen = sub(rc->spec_object(), "selector");
  for (const auto& [k, v] : rc->kind == Kind::rc ? chosen : sub(chosen, "matchLabels"))
    if (v.is_string())
      selector += fmt::format("{}{}={}", selector.empty() ? "" : ",", std::string_view(k),
                              std::string_view(v.get_string()));
  json::object meta{{"name", rc->name}, {"namespace", rc->ns}, {"uid", rc->uid}};
  for (const char* key : {"resourceVersion", "creationTimestamp"}) meta[key] = rc->meta().at(key);
  return reply(
      200, json::serialize(json::object{
               {"kind", "Scale"},
               {"apiVersion", "autoscaling/v1"},
               {"metadata", std::move(meta)},
               {"spec", {{"replicas", rc->spec_int("replicas", 1)}}},
               {"status", {{"replicas", int_or(rc->part("status"), "replicas")}, {"selector", selector}}}}));
}

net::Response remove(World& world, const net::Request& request, const Route& to) {
  json::object options;
  if (!request.body.empty()) {
    auto body = read_body(request);
    if (!body) return reply(body.error());
    options = std::move(*body);
  }
  std::string policy(text_or(options, "propagationPolicy", request.query_value("propagationPolicy")));
  bool dry_run = dry(request) || !list_in(options, "dryRun").empty();
  auto remove_one = [&](const Object& o) {
    if (dry_run) return;
    if (policy == "Orphan")
      for (const Stored& d : world.store.dependents(o.uid)) {
        Object free = *d;
        json::array left;
        for (const json::value& v : list_in(d->meta(), "ownerReferences"))
          if (v.is_object() && text_or(v.get_object(), "uid") != o.uid) left.push_back(v);
        free.meta()["ownerReferences"] = std::move(left);
        world.store.put(std::move(free));
      }
    world.remove(o);
  };
  if (to.name.empty()) {
    auto selectors = Selectors::read(request, to);
    if (!selectors) return reply(selectors.error());
    std::vector<Stored> found;
    for (const auto& [key, o] : world.store.all(to.what->kind))
      if (selectors->match(*o)) found.push_back(o);
    for (const Stored& o : found) remove_one(*o);
    return reply(
        200, json::serialize(json::object{{"kind", "Status"}, {"apiVersion", "v1"}, {"status", "Success"}}));
  }
  Stored o = world.store.find(to.what->kind, to.ns, to.name);
  if (!o) return reply(not_found(*to.what, to.name));
  json::object preconditions = sub(options, "preconditions");
  auto current = check_version({{"metadata", preconditions}}, to, o);
  if (!current) return reply(current.error());
  remove_one(*o);
  if (to.what->kind == Kind::pod) {
    Stored ending = world.store.find(Kind::pod, to.ns, to.name);
    return reply(200, *(ending ? ending : o)->text());
  }
  json::object details{{"name", o->name}, {"kind", to.what->name}, {"uid", o->uid}};
  if (!to.what->group.empty()) details["group"] = to.what->group;
  return reply(200, json::serialize(json::object{{"kind", "Status"},
                                                 {"apiVersion", "v1"},
                                                 {"metadata", json::object{}},
                                                 {"status", "Success"},
                                                 {"details", std::move(details)}}));
}

}  // namespace lemmy::playground
