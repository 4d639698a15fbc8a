#pragma once
// Inside room hooks: what every hook does alike: limits, who calls, the ledger.
#include "access/rate.h"
#include "hooks/hooks.h"

namespace lemmy::hooks {

inline constexpr size_t kLedgerBody = 64 * 1024;
inline constexpr milliseconds kStoreLimit{10'000};

struct State {
  live::Services services;
  Options options;
  access::RateLimiter limiter{1};  // as the configuration says at each call
};
using Shared = std::shared_ptr<State>;

// What is known of a call before anything is looked up.
struct Facts {
  const char* hook = "build";
  Time at{};
  std::string from, caller, project;
  std::string environment, build;  // for the log; empty: not known
};

void count_verdict(const char* hook, const std::string& verdict, double by = 1);
void show_verdicts(const char* hook);  // those that were not met yet too
// 429 for an address that calls too often.
std::optional<net::Response> flood(Shared state, const char* hook, const net::Request& request);
// Of the store's trouble nothing is told of where it is.
net::Response answer(const Error& error, const std::string& path);
// By signature or bearer token of access.yaml's hooks.
Result<access::HookCaller> identify(const State& state, const net::Request& request, Time now);
// X-Lemmy-Delivery, or made from the body.
Result<std::string> delivery_id(const net::Request& request, const std::string& caller);
Delivery entry(const Facts& facts, std::string id, std::string body, std::string verdict);
// Into the ledger, and the answer that says why.
Task<net::Response> refuse(Shared state, Facts facts, std::string body, Error why, std::string path);

json::object header_parameter(std::string_view name, std::string_view about);  // for OpenAPI
json::object call_body(json::object properties, json::array required);

void add_build(route::Router& router, Shared state);
void add_instance(route::Router& router, Shared state);

}  // namespace lemmy::hooks
