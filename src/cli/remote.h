#pragma once
// Inside room cli: talking to a server. Every command that does makes one Remote and runs on its own loop.
#include <CLI/CLI.hpp>
#include <functional>

#include "base/json.h"
#include "domain/deploy.h"
#include "net/client.h"

namespace lemmy::cli {

struct RemoteOptions {
  std::string server;      // --server, else LEMMY_SERVER, else http://127.0.0.1:8484
  std::string token_file;  // --token-file, else LEMMY_TOKEN
  std::string output = "table";
  bool json() const { return output == "json"; }
};
void add_remote_options(CLI::App& command, RemoteOptions& options);
void add_server_options(CLI::App& command, RemoteOptions& options);  // all but --output

class Remote {
 public:
  static Result<std::shared_ptr<Remote>> create(asio::any_io_executor loop, const RemoteOptions& options);

  // Errors are those of the server's problem+json, with its hint; unavailable says what to do.
  Task<Result<json::value>> get(std::string path);
  // `headers` beside the token. Sent again, twice at most, when the server may not have got it: only for
  // calls that carry an id by which the server knows them.
  Task<Result<json::value>> post(std::string path, std::string body, net::Headers headers);
  Task<Result<std::unique_ptr<net::ClientStream>>> open(std::string path, net::Headers headers);
  const std::string& server() const { return server_; }

 private:
  net::Headers with_token(net::Headers headers) const;
  Error explain(Error e) const;
  Result<json::value> read(net::ClientResponse response) const;

  std::string server_, token_;
  std::shared_ptr<net::Client> client_;
};

// Runs `work` to its end; its value is the exit code, its error is reported.
using Work = std::function<Task<Result<int>>(std::shared_ptr<Remote>)>;
int run_remote(const RemoteOptions& options, Work work);

// The error in an answer that is none of the 2xx.
Error problem_of(int status, const std::string& body);

std::string project_path(const std::string& project);  // /api/v1/projects/...
std::string target_path(const Target& target);
std::string deploy_path(const Target& target, int64_t number);

// The environment variable, or empty.
std::string from_environment(const char* name);
// The first line of a file that holds one secret.
Result<std::string> read_secret(const std::string& file);

}  // namespace lemmy::cli
