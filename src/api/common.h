#pragma once
// Inside room api: what its handlers share.
#include <charconv>

#include "api/api.h"

namespace lemmy::api {

using Shared = std::shared_ptr<const live::Services>;

Result<store::Page> page_of(const net::Request& request);  // ?limit= and ?after=
Result<int64_t> number_of(const route::Call& call);        // {number} of the pattern
Result<int64_t> int_query(const net::Request& request, std::string_view name, int64_t otherwise,
                          int64_t least, int64_t most);
Result<bool> bool_query(const net::Request& request, std::string_view name);

net::Response problem(const route::Call& call, const Error& error);
std::string deploy_path(const Target& target, int64_t number);  // "/api/v1/projects/..."

// Parts of OpenAPI operations.
json::object query_parameter(std::string_view name, std::string_view type, std::string_view about);
json::array page_parameters();
json::object ok_response(std::string_view status, std::string_view about, std::string_view schema = "");
json::object json_body(json::object properties, json::array required = {});
json::object schemas();

void add_projects(route::Router& router, Shared services);
void add_deploys(route::Router& router, Shared services);
void add_instances(route::Router& router, Shared services);
void add_events(route::Router& router, Shared services);
void add_system(route::Router& router, Shared services);

}  // namespace lemmy::api
