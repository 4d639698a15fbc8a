#include "kube/client.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "kube/identity.h"
#include "kube/objects.h"
#include "kube/warnings.h"

namespace lemmy::kube {
namespace {
constexpr milliseconds kLimit{15'000};
constexpr const char* kJson = "application/json";
// Without another form to fall back to: a server that cannot leave the data out must not send it.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
constexpr const char* kMetadataOnly = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
void impersonate(const Impersonation& as, net::Headers& headers) {
  if (as.user.empty()) return;
  headers.emplace("Impersonate-User", as.user);
  if (!as.uid.empty()) headers.emplace("Impersonate-Uid", as.uid);
  for (const std::string& g : as.groups) headers.emplace("Impersonate-Group", g);
  for (const auto& [key, values] : as.extra)
    for (const std::string& v : values) headers.emplace("Impersonate-Extra-" + net::percent_encode(key), v);
}
}  // namespace

std::string Ref::path() const {
  std::string p = api;
  if (!ns.empty()) p += "/namespaces/" + ns;
  p += "/" + resource;
  return name.empty() ? p : p + "/" + net::percent_encode(name);
}

std::string Ref::str() const { return fmt::format("{} {} in {}", resource, name, ns); }

Ref ref_to(const json::object& manifest) {
  static const std::map<std::string, std::pair<const char*, const char*>, std::less<>> kinds{
      {"ReplicationController", {"/api/v1", "replicationcontrollers"}},
      {"Deployment", {"/apis/apps/v1", "deployments"}},
      {"HorizontalPodAutoscaler", {"/apis/autoscaling/v2", "horizontalpodautoscalers"}},
      {"Service", {"/api/v1", "services"}},
      {"ConfigMap", {"/api/v1", "configmaps"}},
      {"Secret", {"/api/v1", "secrets"}}};
  auto kind = kinds.find(text_or(manifest, "kind"));
  const json::value* meta = find(manifest, "metadata");
  if (kind == kinds.end() || !meta || !meta->is_object()) return {};
  const json::object& m = meta->get_object();
  return {kind->second.first, kind->second.second, std::string(text_or(m, "namespace")),
          std::string(text_or(m, "name"))};
}

Result<std::shared_ptr<Client>> Client::create(asio::any_io_executor loop, Pool& pool, ClusterAccess access,
                                               std::shared_ptr<net::Resolver> resolver) {
  std::shared_ptr<Client> c(new Client(loop, pool, std::move(resolver)));
  auto used = c->use(std::move(access));
  if (!used) return fail(used.error());
  return c;
}

Client::~Client() { close(); }

Result<> Client::use(ClusterAccess access) {
  auto http = net::Client::create(loop_, access.server, access.tls, resolver_, access.proxy);
  if (!http) return fail(http.error());
  if (http_) http_->close();
  if (credentials_) credentials_->stop();
  access_ = std::move(access);
  http_ = *http;
  certificate_.clear();
  credentials_ = std::make_shared<Credentials>(loop_, pool_, access_);
  if (closed_) close();
  return {};
}

void Client::close() {
  closed_ = true;
  if (http_) http_->close();
  if (credentials_) credentials_->stop();
}

Result<std::shared_ptr<net::Client>> Client::http_for(const Grant& grant) {
  if (grant.certificate_pem == certificate_) return http_;
  auto tls = access_.tls;
  if (!grant.certificate_pem.empty()) {
    tls.client_certificate_pem = grant.certificate_pem;
    tls.client_key_pem = grant.key_pem;
  }
  auto http = net::Client::create(loop_, access_.server, tls, resolver_, access_.proxy);
  if (!http) return fail(http.error());
  http_->close();
  http_ = *http;
  if (closed_) http_->close();
  certificate_ = grant.certificate_pem;
  return http_;
}

Task<Result<Client::Ready>> Client::authorise(net::ClientRequest request, milliseconds limit) {
  Ready out;
  out.credentials = credentials_;
  auto grant = co_await out.credentials->get(limit);
  if (!grant) co_return fail(grant.error());
  if (out.credentials != credentials_)
    co_return fail(ErrorCode::unavailable, access_.server, "the access of this cluster has just changed");
  auto http = http_for(*grant);
  if (!http) co_return fail(http.error());
  out.http = *http;
  out.grant = grant->number;
  out.request = std::move(request);
  if (!access_.username.empty())
    out.request.headers.emplace("Authorization",
                                "Basic " + to_base64(access_.username + ":" + access_.password));
  else if (!grant->bearer.empty())
    out.request.headers.emplace("Authorization", "Bearer " + grant->bearer);
  impersonate(access_.as, out.request.headers);
  co_return out;
}

Task<Result<net::ClientResponse>> Client::send(net::ClientRequest request, milliseconds limit, size_t most) {
  if (held_) co_return fail(*held_);
  co_return co_await send_all_the_same(std::move(request), limit, most);
}

Task<Result<net::ClientResponse>> Client::send_all_the_same(net::ClientRequest request, milliseconds limit,
                                                            size_t most) {
  const auto deadline = Clock::now() + limit;
  auto left = [deadline] { return std::chrono::ceil<milliseconds>(deadline - Clock::now()); };
  for (bool again = false;; again = true) {
    auto ready = co_await authorise(request, left());
    if (!ready) co_return fail(ready.error());
    auto r = co_await ready->http->send(std::move(ready->request), left(), most);
    if (!r || r->status != 401 || again || !ready->credentials->refused(ready->grant)) co_return r;
  }
}

Task<Result<std::unique_ptr<net::ClientStream>>> Client::open(net::ClientRequest request,
                                                              milliseconds limit) {
  if (held_) co_return fail(*held_);
  const auto deadline = Clock::now() + limit;
  auto left = [deadline] { return std::chrono::ceil<milliseconds>(deadline - Clock::now()); };
  for (bool again = false;; again = true) {
    auto ready = co_await authorise(request, left());
    if (!ready) co_return fail(ready.error());
    auto r = co_await ready->http->open(std::move(ready->request), left());
    if (!r || (*r)->status() != 401 || again || !ready->credentials->refused(ready->grant))
      co_return std::move(r);
  }
}

Task<Client::Tried> Client::answer(net::ClientRequest request, std::string about, std::string accept) {
  request.headers.emplace("Accept", std::move(accept));
  auto r = co_await send(std::move(request), kLimit);
  Tried out;
  if (!r) {
    out.answer = fail(r.error());
    co_return out;
  }
  out.warnings = warnings_in(r->headers);
  if (r->status < 200 || r->status > 299) {
    out.answer = fail(api_error(r->status, r->body, about));
  } else if (auto v = parse_json(r->body, about); !v) {
    out.answer = fail(v.error());
  } else if (!v->is_object()) {
    out.answer = fail(ErrorCode::rejected, about, "the answer is not a JSON object");
  } else {
    out.answer = std::move(v->get_object());
  }
  co_return out;
}

Task<Result<json::object>> Client::call(net::ClientRequest request, std::string about, std::string accept) {
  auto got = co_await answer(std::move(request), std::move(about), std::move(accept));
  co_return std::move(got.answer);
}

static net::ClientRequest apply_patch(const std::string& path, const json::object& manifest, bool dry_run) {
  net::ClientRequest r{"PATCH", path + "?fieldManager=lemmy&force=true" + (dry_run ? "&dryRun=All" : "")};
  r.headers.emplace("Content-Type", "application/apply-patch+yaml");  // JSON is YAML
  r.body = json::serialize(manifest);
  return r;
}

Task<Result<json::object>> Client::apply(json::object manifest, bool dry_run) {
  const Ref ref = ref_to(manifest);
  co_return co_await call(apply_patch(ref.path(), manifest, dry_run), ref.str());
}

Task<Client::Tried> Client::try_apply(json::object manifest) {
  const Ref ref = ref_to(manifest);
  co_return co_await answer(apply_patch(ref.path(), manifest, true), ref.str(), kJson);
}

Task<Client::Tried> Client::try_create(Ref collection, json::object object) {
  net::ClientRequest r{"POST", collection.path() + "?fieldManager=lemmy&dryRun=All"};
  r.headers.emplace("Content-Type", kJson);
  r.body = json::serialize(object);
  co_return co_await answer(std::move(r), collection.str(), kJson);
}

Task<Result<std::optional<json::object>>> Client::get(Ref ref) {
  auto got = co_await call({"GET", ref.path()}, ref.str());
  if (got) co_return std::optional(std::move(*got));
  if (got.error().code == ErrorCode::not_found) co_return std::optional<json::object>();
  co_return fail(got.error());
}

Task<Result<>> Client::remove(Ref ref) {
  auto done = co_await call({"DELETE", ref.path() + "?propagationPolicy=Background"}, ref.str());
  if (done || done.error().code == ErrorCode::not_found) co_return Result<>{};
  co_return fail(done.error());
}

Task<Result<>> Client::remove_as_seen(Ref ref, std::string uid, std::string version) {
  net::ClientRequest r{"DELETE", ref.path()};
  r.headers.emplace("Content-Type", "application/json");
  r.body = json::serialize(json::object{{"kind", "DeleteOptions"},
                                        {"apiVersion", "v1"},
                                        {"preconditions", {{"uid", uid}, {"resourceVersion", version}}}});
  auto done = co_await call(std::move(r), ref.str());
  if (done || done.error().code == ErrorCode::not_found) co_return Result<>{};
  co_return fail(done.error());
}

static net::ClientRequest merge_patch(const std::string& path, const json::object& changes) {
  net::ClientRequest r{"PATCH", path + "?fieldManager=lemmy"};
  r.headers.emplace("Content-Type", "application/merge-patch+json");
  r.body = json::serialize(changes);
  return r;
}

Task<Result<json::object>> Client::patch(Ref ref, json::object changes) {
  co_return co_await call(merge_patch(ref.path(), changes), ref.str());
}

Task<Result<json::object>> Client::review(std::string kind, json::object spec) {
  std::string resource = kind + "s";
  std::ranges::transform(resource, resource.begin(), [](unsigned char c) { return std::tolower(c); });
  net::ClientRequest r{"POST", "/apis/authorization.k8s.io/v1/" + resource};
  r.headers.emplace("Content-Type", "application/json");
  r.body = json::serialize(
      json::object{{"apiVersion", "authorization.k8s.io/v1"}, {"kind", kind}, {"spec", std::move(spec)}});
  auto done = co_await call(std::move(r), kind);
  if (!done) co_return fail(done.error());
  const json::value* status = done->if_contains("status");
  if (!status || !status->is_object()) co_return fail(ErrorCode::rejected, kind, "the answer has no status");
  co_return status->get_object();
}

Task<Result<>> Client::scale(Ref ref, int replicas) {
  json::object changes{{"spec", {{"replicas", replicas}}}};
  auto done = co_await call(merge_patch(ref.path() + "/scale", changes), ref.str());
  if (!done) co_return fail(done.error());
  co_return Result<>{};
}

Task<Result<std::string>> Client::secret_version(std::string ns, std::string name) {
  Ref ref{"/api/v1", "secrets", std::move(ns), std::move(name)};
  auto secret = co_await call({"GET", ref.path()}, ref.str(), kMetadataOnly);
  if (secret) co_return parse_version(*secret);
  if (secret.error().code == ErrorCode::not_found) co_return std::string();
  co_return fail(secret.error());
}

Task<Result<std::optional<std::string>>> Client::cluster_uid(milliseconds limit) {
  auto r = co_await send_all_the_same({"GET", kIdentityPath}, limit, 1u << 20);
  if (!r) co_return fail(r.error());
  std::optional<std::string> none;
  if (r->status == 403 || r->status == 404) co_return none;
  if (r->status != 200) co_return fail(api_error(r->status, r->body, kIdentityPath));
  auto ns = parse_json(r->body, kIdentityPath);
  if (!ns) co_return fail(ns.error());
  const json::value* uid = find(*ns, {"metadata", "uid"});
  if (!uid || !uid->is_string() || uid->get_string().empty()) co_return none;
  co_return std::string(uid->get_string());
}

Task<Result<std::string>> Client::version() {
  auto v = co_await call({"GET", "/version"}, access_.server);
  if (!v) co_return fail(v.error());
  co_return std::string(text_or(*v, "gitVersion"));
}

}  // namespace lemmy::kube
