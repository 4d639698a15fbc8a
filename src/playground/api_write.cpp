#include <fmt/format.h>

#include "base/crypto.h"
#include "base/strings.h"
#include "playground/admission.h"
#include "playground/api.h"
#include "playground/merge.h"

namespace lemmy::playground {
namespace {

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
      meta["name"] = world.free_name(to.what->kind, to.ns, std::string(prefix));
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

}  // namespace lemmy::playground
