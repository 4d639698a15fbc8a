#include "cli/remote.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/files.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

constexpr milliseconds kLimit{30'000};
constexpr int kTries = 3;

ErrorCode code_of(int status, std::string_view type) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::internal); ++i)
    if (type == "urn:lemmy:error:" + std::string(name(static_cast<ErrorCode>(i))))
      return static_cast<ErrorCode>(i);
  switch (status) {
    case 401:
      return ErrorCode::unauthorized;
    case 403:
      return ErrorCode::forbidden;
    case 404:
      return ErrorCode::not_found;
    case 409:
      return ErrorCode::conflict;
    case 413:
      return ErrorCode::too_large;
    case 429:
      return ErrorCode::rate_limited;
    case 502:
    case 503:
    case 504:
      return ErrorCode::unavailable;
    default:
      return status >= 500 ? ErrorCode::internal : ErrorCode::invalid;
  }
}

bool may_help(ErrorCode code) { return code == ErrorCode::unavailable || code == ErrorCode::timeout; }

}  // namespace

void add_server_options(CLI::App& c, RemoteOptions& o) {
  c.add_option("--server", o.server, "where Lemmy answers; LEMMY_SERVER, else http://127.0.0.1:8484");
  c.add_option("--token-file", o.token_file, "file with the token; else LEMMY_TOKEN");
}

void add_remote_options(CLI::App& c, RemoteOptions& o) {
  add_server_options(c, o);
  c.add_option("--output", o.output, "table for people, json for programs")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
}

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

Result<std::string> read_secret(const std::string& file) {
  auto text = read_input(file, 4096);
  if (!text) return text;
  std::string secret(trim(*text));
  if (secret.empty()) return fail(ErrorCode::invalid, file, "the file is empty");
  if (secret.find('\n') != secret.npos) return fail(ErrorCode::invalid, file, "one line is expected");
  return secret;
}

Result<std::shared_ptr<Remote>> Remote::create(asio::any_io_executor loop, const RemoteOptions& o) {
  auto r = std::make_shared<Remote>();
  r->server_ = !o.server.empty() ? o.server : from_environment("LEMMY_SERVER");
  if (r->server_.empty()) r->server_ = "http://127.0.0.1:8484";
  r->token_ = from_environment("LEMMY_TOKEN");
  if (!o.token_file.empty()) {
    auto token = read_secret(o.token_file);
    if (!token) return fail(token.error());
    r->token_ = *token;
  }
  for (unsigned char c : r->token_)
    if (c <= 0x20 || c >= 0x7f)
      return fail(ErrorCode::invalid, "token", "the token has characters that none has",
                  "it is one line that begins with lmy_");
  auto client = net::Client::create(loop, r->server_);
  if (!client) {
    Error e = client.error();
    if (e.hint.empty()) e.hint = "a server is http://HOST:PORT or https://HOST";
    return fail(std::move(e));
  }
  r->client_ = std::move(*client);
  return r;
}

net::Headers Remote::with_token(net::Headers headers) const {
  headers.emplace("Accept", "application/json");
  if (!token_.empty() && !headers.contains("Authorization") && !headers.contains("X-Lemmy-Signature"))
    headers.emplace("Authorization", "Bearer " + token_);
  return headers;
}

Error problem_of(int status, const std::string& body) {
  auto parsed = parse_json(body, "answer");
  const json::object* o = parsed ? parsed->if_object() : nullptr;
  if (!o || !o->contains("detail")) {
    Error e{code_of(status, ""), "", fmt::format("the server answered with status {}", status)};
    e.hint = "is this address Lemmy's? --server or LEMMY_SERVER says it";
    return e;
  }
  Error e{code_of(status, text_or(*o, "type")), std::string(text_or(*o, "where")),
          std::string(text_or(*o, "detail")), std::string(text_or(*o, "hint")),
          std::string(text_or(*o, "excerpt"))};
  // Hooks have secrets of their own: what the server says of these, and `lemmy hook`, is nearer.
  const bool of_hook = text_or(*o, "instance").starts_with("/hooks/");
  if (e.where == text_or(*o, "instance")) e.where.clear();  // a path says nothing to a person
  if (e.code == ErrorCode::unauthorized && !of_hook && e.hint.find("lemmy token") == e.hint.npos)
    e.hint = "set LEMMY_TOKEN or --token-file; an admin makes one with: lemmy token add NAME --role ROLE";
  return e;
}

Error Remote::explain(Error e) const {
  if (!may_help(e.code)) return e;
  e.where = server_;
  e.hint = "is it running? `lemmy serve` starts it; --server or LEMMY_SERVER says where it is";
  return e;
}

Result<json::value> Remote::read(net::ClientResponse response) const {
  if (response.status < 200 || response.status >= 300)
    return fail(problem_of(response.status, response.body));
  auto value = parse_json(response.body, server_);
  if (value) return value;
  return fail(ErrorCode::unavailable, server_, "the answer is not JSON",
              "is this address Lemmy's? --server or LEMMY_SERVER says it");
}

Task<Result<json::value>> Remote::get(std::string path) {
  net::ClientRequest request{"GET", std::move(path), with_token({}), ""};
  auto response = co_await client_->send(std::move(request), kLimit);
  if (!response) co_return fail(explain(response.error()));
  co_return read(std::move(*response));
}

Task<Result<json::value>> Remote::post(std::string path, std::string body, net::Headers headers) {
  headers.emplace("Content-Type", "application/json");
  const net::ClientRequest request{"POST", std::move(path), with_token(std::move(headers)), std::move(body)};
  const bool has_id =
      request.headers.contains("Idempotency-Key") || request.headers.contains("X-Lemmy-Delivery");
  for (int attempt = 1;; ++attempt) {
    auto response = co_await client_->send(request, kLimit);
    Result<json::value> value = response ? read(std::move(*response)) : fail(explain(response.error()));
    const bool over = value || !may_help(value.error().code) || !has_id || attempt == kTries;
    if (value && value->is_object())
      for (const json::value& w : array_in(value->get_object(), "warnings"))
        if (w.is_string()) fmt::print(stderr, "warning: {}\n", clean(w.get_string()));
    if (over) co_return value;
    co_await sleep_for(milliseconds{400 * attempt});
  }
}

Task<Result<std::unique_ptr<net::ClientStream>>> Remote::open(std::string path, net::Headers headers) {
  headers.emplace("Accept", "text/event-stream");
  net::ClientRequest request{"GET", std::move(path), with_token(std::move(headers)), ""};
  auto stream = co_await client_->open(std::move(request), kLimit);
  if (!stream) co_return fail(explain(stream.error()));
  if ((*stream)->status() == 200) co_return stream;
  auto body = co_await (*stream)->read_rest(1 << 20, kLimit);
  co_return fail(problem_of((*stream)->status(), body ? *body : ""));
}

namespace {
Task<> run_work(std::shared_ptr<Remote> remote, Work work, bool json, int* code) {
  auto done = co_await work(remote);
  *code = done ? *done : json ? report_json(done.error()) : report(done.error());
}
}  // namespace

int run_remote(const RemoteOptions& options, Work work) {
  asio::io_context loop{1};
  auto remote = Remote::create(loop.get_executor(), options);
  if (!remote) return options.json() ? report_json(remote.error()) : report(remote.error());
  int code = exit_code(ErrorCode::internal);
  std::exception_ptr failure;
  spawn(loop.get_executor(), "command", run_work(*remote, std::move(work), options.json(), &code), {},
        [&](std::exception_ptr e) {
          failure = e;
          loop.stop();  // kept-alive connections are not waited for
        });
  loop.run();
  remote->reset();
  if (failure) std::rethrow_exception(failure);
  return code;
}

std::string project_path(const std::string& project) {
  return "/api/v1/projects/" + net::percent_encode(project);
}
std::string target_path(const Target& t) {
  return project_path(t.project) + "/environments/" + net::percent_encode(t.environment);
}
std::string deploy_path(const Target& t, int64_t number) {
  return fmt::format("{}/deploys/{}", target_path(t), number);
}

}  // namespace lemmy::cli
