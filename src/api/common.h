#pragma once
// Inside room api: what its handlers share.

#include "api/api.h"

namespace lemmy::api {

inline constexpr milliseconds kStoreLimit{3'000};  // how long a probe or a scrape waits for the store

using Shared = std::shared_ptr<const live::Services>;

Result<store::Page> page_of(const net::Request& request);  // ?limit= and ?after=
Result<int64_t> number_of(const route::Call& call);        // {number} of the pattern
Result<int64_t> int_query(const net::Request& request, std::string_view name, int64_t otherwise,
                          int64_t least, int64_t most);
Result<bool> bool_query(const net::Request& request, std::string_view name);

// Fields of a body; absent ones are empty, or false.
Result<> check_keys(const json::object& body, std::vector<std::string> known);
Result<> check_text(std::string_view where, const std::string& text, size_t most);
Result<std::string> body_text(const json::object& body, std::string_view key);
Result<bool> body_bool(const json::object& body, std::string_view key);  // a form has only texts
Result<std::optional<int64_t>> body_number(const json::object& body, std::string_view key);
Result<std::string> body_build(const json::object& body);  // a sha or its beginning
Result<std::string> body_reason(const json::object& body);
// A list; of a form a text with commas.
Result<std::vector<std::string>> body_names(const json::object& body, std::string_view key);
Result<std::string> idempotency_key(const net::Request& request);

// What is wrong with the configuration: the newest files may not be in use for it.
// One who may see some projects only is not told which files.
json::array warnings(const live::Services& services, const access::Identity& who);
net::Response problem(const route::Call& call, const Error& error);
std::string deploy_path(const Target& target, int64_t number);  // "/api/v1/projects/..."

// Parts of OpenAPI operations.
json::object query_parameter(std::string_view name, std::string_view type, std::string_view about);
json::array page_parameters();
json::object ok_response(std::string_view status, std::string_view about, std::string_view schema = "");
json::object json_body(json::object properties, json::array required = {});
json::object text_schema(std::string_view about);
json::object key_parameter();  // Idempotency-Key
json::object schemas();

void add_projects(route::Router& router, Shared services);
void add_deploys(route::Router& router, Shared services);
void add_instances(route::Router& router, Shared services);
void add_dry_runs(route::Router& router, Shared services);
void add_releases(route::Router& router, Shared services);
void add_events(route::Router& router, Shared services);
void add_feed(route::Router& router, Shared services);
void add_system(route::Router& router, Shared services);

}  // namespace lemmy::api
