#include <fmt/format.h>

#include "base/crypto.h"
#include "base/strings.h"
#include "playground/admission.h"
#include "playground/api.h"
#include "playground/merge.h"

namespace lemmy::playground {
namespace {

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

// Name and namespace of the body must be those of the address, where both say them.
Answer<> check_place(json::object& body, Route* to) {
  json::object& meta = make_sub(body, "metadata");
  std::string name(text_or(meta, "name")), ns(text_or(meta, "namespace"));
  if (!to->name.empty() && !name.empty() && name != to->name)
    return refuse(bad_request(
        fmt::format("the name of the object ({}) does not match the name on the URL ({})", name, to->name)));
  if (!to->ns.empty() && !ns.empty() && ns != to->ns)
    return refuse(
        bad_request("the namespace of the provided object does not match the namespace sent on the request"));
  if (to->name.empty()) to->name = name;
  meta["name"] = to->name;
  if (to->what->namespaced) meta["namespace"] = to->ns;
  auto kind = text_or(body, "kind", to->what->type);
  if (kind != to->what->type || text_or(body, "apiVersion", to->what->version) != to->what->version)
    return refuse(bad_request(fmt::format("{} in version \"{}\" cannot be handled as a {}", kind,
                                          text_or(body, "apiVersion"), to->what->type)));
  return {};
}

Answer<Stored> commit(World& world, const Route& to, json::object whole, const Stored& before,
                      std::shared_ptr<const Applied> applied, bool dry_run) {
  const Resource& r = *to.what;
  if (r.namespaced && !world.store.find(Kind::ns, "", to.ns))
    return refuse(not_found(resource(Kind::ns), to.ns));
  if (r.kind == Kind::secret)
    if (json::value* plain = whole.if_contains("stringData"); plain && plain->is_object()) {
      for (const auto& [k, v] : plain->get_object())
        if (v.is_string()) make_sub(whole, "data")[k] = to_base64(std::string_view(v.get_string()));
      whole.erase("stringData");
    }
  set_defaults(r.kind, whole, world.store.version());
  auto ok = validate(r.kind, whole, before.get());
  if (!ok) return refuse(ok.error());
  if (!before) {
    auto room = world.check_quota(r, to.ns, to.name);
    if (!room) return refuse(room.error());
  }
  Object o = object_from(r.kind, std::move(whole));
  if (before && before->spec && o.spec && before->spec->value == o.spec->value) o.spec = before->spec;
  if (before && r.kind == Kind::pod && o.spec != before->spec)
    return refuse(invalid(
        r, to.name,
        {{"FieldValueForbidden",
          "Forbidden: pod updates may not change fields other than `spec.containers[*].image`", "spec"}}));
  o.applied = std::move(applied);
  if (!dry_run) return world.store.put(std::move(o));
  if (!before) {
    o.meta()["uid"] = o.uid = random_hex(16);
    o.meta()["creationTimestamp"] = stamp(now());
  }
  return std::make_shared<const Object>(std::move(o));
}

net::Response answer(const Answer<Stored>& stored, bool created) {
  if (!stored) return reply(stored.error());
  net::Response r = reply(created ? 201 : 200, "");
  r.shared_body = (*stored)->text();
  return r;
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

net::Response apply(World& world, const net::Request& request, Route to, json::object body) {
  std::string manager(request.query_value("fieldManager"));
  if (manager.empty())
    return reply(
        Failure{422,
                "Invalid",
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for "
                "apply patch",
                {}});
  auto placed = check_place(body, &to);
  if (!placed) return reply(placed.error());
  if (std::string why = undeclared(to.what->kind, body); !why.empty())
    return reply(internal(fmt::format("failed to create typed patch object ({}/{}; {}, Kind={}): {}", to.ns,
                                      to.name, to.what->version, to.what->type, why)));
  Stored before = world.store.find(to.what->kind, to.ns, to.name);
  auto current = check_version(body, to, before);
  if (!current) return reply(current.error());
  body.erase("status");
  json::object& meta = make_sub(body, "metadata");
  for (const char* server_s : {"resourceVersion", "uid", "creationTimestamp", "generation", "managedFields"})
    meta.erase(server_s);
  auto applied = std::make_shared<Applied>(before && before->applied ? *before->applied : Applied());
  if (request.query_value("force") != "true") {
    std::string text;
    size_t n = 0;
    json::array causes;
    for (const auto& [other, theirs] : *applied)
      if (other != manager)
        for (const std::string& field : conflicts(body, theirs)) {
          ++n;
          text += fmt::format("{}\n- {} (conflict with \"{}\")", text.empty() ? "" : "", field, other);
          causes.push_back({{"reason", "FieldManagerConflict"},
                            {"message", fmt::format("conflict with \"{}\"", other)},
                            {"field", field}});
        }
    if (n)
      return reply(Failure{409,
                           "Conflict",
                           fmt::format("Apply failed with {} conflict{}:{}", n, n > 1 ? "s" : "", text),
                           {{"causes", std::move(causes)}}});
  }
  json::object live = before ? before->whole() : json::object();
  auto said = applied->find(manager);
  apply_over(live, body, said == applied->end() ? nullptr : &said->second);
  (*applied)[manager] = std::move(body);
  return answer(commit(world, to, std::move(live), before, applied, dry(request)), !before);
}

net::Response patch(World& world, const net::Request& request, const Route& to, const json::object& body,
                    bool strategic) {
  Stored before = world.store.find(to.what->kind, to.ns, to.name);
  if (!before) return reply(not_found(*to.what, to.name));
  auto current = check_version(body, to, before);
  if (!current) return reply(current.error());
  json::value whole = before->whole();
  if (strategic)
    apply_over(whole.get_object(), body, nullptr, true);
  else
    merge_patch(whole, body);
  return answer(commit(world, to, std::move(whole.get_object()), before, before->applied, dry(request)),
                false);
}

}  // namespace

net::Response write(World& world, const net::Request& request, const Route& route) {
  Route to = route;
  auto body = read_body(request);
  if (!body) return reply(body.error());
  if (request.method == "PATCH" && !to.name.empty()) {
    auto type = net::header(request.headers, "Content-Type");
    if (type.starts_with("application/apply-patch")) return apply(world, request, to, std::move(*body));
    if (type.starts_with("application/merge-patch")) return patch(world, request, to, *body, false);
    if (type.starts_with("application/strategic-merge-patch")) return patch(world, request, to, *body, true);
    return reply(
        Failure{415,
                "UnsupportedMediaType",
                fmt::format("the body of the request was in an unknown format - accepted media types "
                            "include: application/merge-patch+json, application/strategic-merge-patch+json, "
                            "application/apply-patch+yaml, got {}",
                            type),
                {}});
  }
  if (request.method == "POST" && to.name.empty()) {
    json::object& meta = make_sub(*body, "metadata");
    if (auto prefix = text_or(meta, "generateName"); text_or(meta, "name").empty() && !prefix.empty())
      meta["name"] = std::string(prefix) + world.suffix(5);
    auto placed = check_place(*body, &to);
    if (!placed) return reply(placed.error());
    if (world.store.find(to.what->kind, to.ns, to.name)) return reply(already_exists(*to.what, to.name));
    return answer(commit(world, to, std::move(*body), nullptr, nullptr, dry(request)), true);
  }
  if (request.method == "PUT" && !to.name.empty()) {
    auto placed = check_place(*body, &to);
    if (!placed) return reply(placed.error());
    Stored before = world.store.find(to.what->kind, to.ns, to.name);
    if (!before) return reply(not_found(*to.what, to.name));
    auto current = check_version(*body, to, before);
    if (!current) return reply(current.error());
    body->erase("status");
    if (const json::value* status = before->head.if_contains("status")) (*body)["status"] = *status;
    return answer(commit(world, to, std::move(*body), before, before->applied, dry(request)), false);
  }
  return reply(Failure{
      405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}});
}

net::Response scale(World& world, const net::Request& request, const Route& to) {
  Stored rc = world.store.find(Kind::rc, to.ns, to.name);
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
  for (const auto& [k, v] : sub(rc->spec_object(), "selector"))
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
