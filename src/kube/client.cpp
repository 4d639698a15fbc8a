#include "kube/client.h"

#include <fmt/format.h>

#include "base/files.h"
#include "base/strings.h"
#include "kube/objects.h"

namespace lemmy::kube {
namespace {
constexpr milliseconds kLimit{15'000};
}

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

Error api_error(int status, std::string_view body, const std::string& where) {
  auto v = parse_json(body, where);
  std::string message(v && v->is_object() ? text_or(v->get_object(), "message") : "");
  if (message.empty()) message = fmt::format("HTTP {} {}", status, shorten(valid_utf8(trim(body)), 300));
  Error e{ErrorCode::rejected, where, message};
  if (status == 401) {
    e.code = ErrorCode::unauthorized;
    e.hint = "the cluster does not accept our credentials: check the kubeconfig's user";
  } else if (status == 403 && message.find("exceeded quota") != message.npos) {
    e.hint = "zero or delete an older deploy, or raise the ResourceQuota";
  } else if (status == 403) {
    e.code = ErrorCode::forbidden;
    e.hint = "give Lemmy's account the rights listed in docs/operations.md";
  } else if (status == 404) {
    e.code = ErrorCode::not_found;
    if (message.starts_with("namespaces "))
      e.hint = "make the namespace first: kubectl create namespace NAME";
  } else if (status == 409) {
    e.code = ErrorCode::conflict;
  } else if (status == 429 || status >= 500) {
    e.code = ErrorCode::unavailable;
  }
  return e;
}

Result<std::shared_ptr<Client>> Client::create(asio::any_io_executor loop, Pool& pool, ClusterAccess access) {
  auto http = net::Client::create(loop, access.server, access.tls);
  if (!http) return fail(http.error());
  std::shared_ptr<Client> c(new Client(loop, pool, std::move(access)));
  c->http_ = *http;
  return c;
}

// A pointer, not a reference: the caller's frame outlives this one, and it is never spawned.
Task<Result<>> Client::authorise(net::ClientRequest* request) {
  if (!access_.username.empty()) {
    request->headers.emplace("Authorization",
                             "Basic " + to_base64(access_.username + ":" + access_.password));
    co_return Result<>{};
  }
  if (!access_.token_file.empty() && now() >= bearer_until_) {
    auto text = co_await pool_.run([file = access_.token_file] { return read_file(file, 1 << 20); });
    if (!text) co_return fail(text.error());
    bearer_ = std::string(trim(*text));
    bearer_until_ = now() + seconds{60};
  } else if (access_.exec && now() >= bearer_until_) {
    auto credential = co_await run_exec_plugin(&pool_, *access_.exec, access_.server);
    if (!credential) co_return fail(credential.error());
    bearer_ = credential->token;
    bearer_until_ = credential->expires ? *credential->expires - seconds{30} : now() + std::chrono::hours{24};
    if (!credential->certificate_pem.empty()) {
      auto tls = access_.tls;
      tls.client_certificate_pem = credential->certificate_pem;
      tls.client_key_pem = credential->key_pem;
      auto http = net::Client::create(loop_, access_.server, tls);
      if (!http) co_return fail(http.error());
      http_ = *http;
    }
  }
  const std::string& token = bearer_.empty() ? access_.token : bearer_;
  if (!token.empty()) request->headers.emplace("Authorization", "Bearer " + token);
  co_return Result<>{};
}

Task<Result<net::ClientResponse>> Client::send(net::ClientRequest request, milliseconds limit) {
  auto ok = co_await authorise(&request);
  if (!ok) co_return fail(ok.error());
  auto r = co_await http_->send(std::move(request), limit);
  if (r && r->status == 401) bearer_until_ = {};  // the next call asks for fresh credentials
  co_return r;
}

Task<Result<std::unique_ptr<net::ClientStream>>> Client::open(net::ClientRequest request,
                                                              milliseconds limit) {
  auto ok = co_await authorise(&request);
  if (!ok) co_return fail(ok.error());
  co_return co_await http_->open(std::move(request), limit);
}

Task<Result<json::object>> Client::call(net::ClientRequest request, std::string about) {
  request.headers.emplace("Accept", "application/json");
  auto r = co_await send(std::move(request), kLimit);
  if (!r) co_return fail(r.error());
  if (r->status < 200 || r->status > 299) co_return fail(api_error(r->status, r->body, about));
  auto v = parse_json(r->body, about);
  if (!v) co_return fail(v.error());
  if (!v->is_object()) co_return fail(ErrorCode::rejected, about, "the answer is not a JSON object");
  co_return std::move(v->get_object());
}

Task<Result<json::object>> Client::apply(json::object manifest, bool dry_run) {
  Ref ref = ref_to(manifest);
  net::ClientRequest r{"PATCH",
                       ref.path() + "?fieldManager=lemmy&force=true" + (dry_run ? "&dryRun=All" : "")};
  r.headers.emplace("Content-Type", "application/apply-patch+yaml");  // JSON is YAML
  r.body = json::serialize(manifest);
  co_return co_await call(std::move(r), ref.str());
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

Task<Result<>> Client::scale(Ref ref, int replicas) {
  net::ClientRequest r{"PATCH", ref.path() + "/scale?fieldManager=lemmy"};
  r.headers.emplace("Content-Type", "application/merge-patch+json");
  r.body = json::serialize(json::object{{"spec", {{"replicas", replicas}}}});
  auto done = co_await call(std::move(r), ref.str());
  if (!done) co_return fail(done.error());
  co_return Result<>{};
}

Task<Result<std::string>> Client::log(std::string ns, std::string pod, std::string container, bool previous,
                                      int lines) {
  std::string where = fmt::format("log of {} in {}", pod, ns);
  const std::string part =
      lines > 0 ? fmt::format("tailLines={}&limitBytes=65536", lines) : std::string("limitBytes=16384");
  auto r = co_await send(
      {"GET", fmt::format("/api/v1/namespaces/{}/pods/{}/log?container={}&{}{}", ns, net::percent_encode(pod),
                          net::percent_encode(container), part, previous ? "&previous=true" : "")},
      kLimit);
  if (!r) co_return fail(r.error());
  if (r->status != 200) co_return fail(api_error(r->status, r->body, where));
  co_return valid_utf8(r->body);
}

Task<Result<std::string>> Client::secret_version(std::string ns, std::string name) {
  auto secret = co_await get({"/api/v1", "secrets", ns, name});
  if (!secret) co_return fail(secret.error());
  co_return *secret ? parse_version(**secret) : std::string();
}

Task<Result<std::string>> Client::version() {
  auto v = co_await call({"GET", "/version"}, access_.server);
  if (!v) co_return fail(v.error());
  co_return std::string(text_or(*v, "gitVersion"));
}

}  // namespace lemmy::kube
