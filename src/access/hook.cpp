#include "access/hook.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/files.h"
#include "base/strings.h"

namespace lemmy::access {
namespace {

constexpr size_t kShortestSecret = 16;

std::unexpected<Error> refused(std::string what, std::string hint = "") {
  return fail(ErrorCode::unauthorized, "hook", std::move(what), std::move(hint));
}

Result<> check_timestamp(std::string_view text, Time now) {
  const auto at = parse_unix_time(text);
  if (!at) return refused("X-Lemmy-Timestamp is not a time", "send the seconds since 1970");
  auto off = std::chrono::abs(now - *at);
  if (off <= kReplayWindow) return {};
  return refused(fmt::format("X-Lemmy-Timestamp is {} off", format_duration(off)),
                 "at most 5 min are allowed: sign each call anew, and check both clocks");
}

}  // namespace

Result<std::string> read_secret_file(const std::string& file) { return read_file(file, 4096); }

HookKeys read_hook_keys(const config::Access& access, const Environment& getenv, const Files& files) {
  HookKeys out;
  for (const config::Hook& hook : access.hooks) {
    HookKey key{hook.name, "", hook.token_hash, hook.projects, "", {}, hook.sign};
    auto problem = [&](std::string what, std::string hint = "") {
      out.problems.push_back(
          {ErrorCode::invalid, "access.yaml hooks." + hook.name, std::move(what), std::move(hint)});
    };
    if (hook.token_hash.empty()) {
      if (!hook.secret_env.empty()) {
        const char* value = getenv(hook.secret_env.c_str());
        if (!value) {
          problem(fmt::format("the environment variable {} is not set", hook.secret_env));
          continue;
        }
        key.secret = value;
      } else {
        auto text = files(hook.secret_file);
        if (!text) {
          problem(fmt::format("its secret_file cannot be read: {}", text.error().what));
          continue;
        }
        key.secret = std::move(*text);
        key.file = hook.secret_file;
        if (key.secret.ends_with("\n")) key.secret.pop_back();
        if (key.secret.ends_with("\r")) key.secret.pop_back();
      }
      if (key.secret.size() < kShortestSecret) {
        problem("its secret is too short", fmt::format("use at least {} random characters", kShortestSecret));
        continue;
      }
    }
    out.keys.push_back(std::move(key));
  }
  return out;
}

void keep_secrets(HookKeys& now, const HookKeys& before, const config::Access& access, milliseconds longest,
                  std::chrono::steady_clock::time_point at) {
  for (HookKey& key : now.keys) key.read_at = at;
  for (const config::Hook& hook : access.hooks) {
    auto is_it = [&](const HookKey& key) { return key.name == hook.name; };
    if (hook.secret_file.empty() || std::ranges::any_of(now.keys, is_it)) continue;
    auto last = std::ranges::find_if(before.keys, is_it);
    if (last == before.keys.end() || last->file != hook.secret_file || at - last->read_at > longest) continue;
    now.keys.push_back(*last);
    now.keys.back().projects = hook.projects;
    now.keys.back().sign = hook.sign;
  }
}

bool HookCaller::may_touch(std::string_view project) const {
  return projects.empty() || std::find(projects.begin(), projects.end(), project) != projects.end();
}

std::string sign_hook(std::string_view secret, std::string_view body, std::string_view timestamp) {
  std::string message = timestamp.empty() ? std::string(body) : fmt::format("{}.{}", timestamp, body);
  return "sha256=" + to_hex(hmac_sha256(secret, message));
}

std::string sign_hook_call(std::string_view secret, std::string_view body, std::string_view timestamp,
                           std::string_view delivery, std::string_view path) {
  return "v2=" + to_hex(hmac_sha256(secret, fmt::format("{}.{}.{}.{}", timestamp, delivery, path, body)));
}

static Result<const HookKey*> verify_signature(const std::vector<HookKey>& keys, const HookRequest& r,
                                               Time now) {
  const std::string sent = lower(trim(r.signature));
  const bool whole = sent.starts_with("v2=");
  const size_t digits = sent.size() - std::min(sent.size(), sent.find('=') + 1);
  if (!(whole || sent.starts_with("sha256=")) || digits != 64)
    return refused("X-Lemmy-Signature is not a signature", "send sha256= or v2= and 64 hex digits");
  if (r.has_query)
    return refused("a signed call has fields in its query, which no signature covers",
                   "send them in the body");
  if (whole && (r.timestamp.empty() || r.delivery.empty()))
    return refused("a v2 signature is over X-Lemmy-Timestamp and X-Lemmy-Delivery too", "send both");
  const HookKey* found = nullptr;
  for (const HookKey& key : keys) {
    if (key.secret.empty()) continue;
    if (constant_time_equal(whole ? sign_hook_call(key.secret, r.body, r.timestamp, r.delivery, r.path)
                                  : sign_hook(key.secret, r.body, r.timestamp),
                            sent))
      found = &key;
  }
  if (!found)
    return refused("X-Lemmy-Signature fits no hook",
                   fmt::format("sign {} as they are sent, with a secret of access.yaml",
                               whole                 ? "\"timestamp.delivery.path.body\""
                               : r.timestamp.empty() ? "the body's bytes"
                                                     : "\"timestamp.body\""));
  if (!r.timestamp.empty())
    if (auto ok = check_timestamp(r.timestamp, now); !ok) return fail(ok.error());
  if (found->sign == config::Signs::all && !whole)
    return refused(fmt::format("hook {} takes v2 signatures only", found->name),
                   "docs/configuration.md#signatures has an example");
  if (found->sign == config::Signs::timestamp && r.timestamp.empty())
    return refused(fmt::format("hook {} takes calls with a signed X-Lemmy-Timestamp only", found->name),
                   "docs/configuration.md#signatures has an example");
  return found;
}

Result<HookCaller> verify_hook(const std::vector<HookKey>& keys, const HookRequest& request, Time now) {
  const HookKey* found = nullptr;
  if (!request.signature.empty()) {
    auto by = verify_signature(keys, request, now);
    if (!by) return fail(by.error());
    found = *by;
  } else {
    std::string_view token = bearer(request.authorization);
    if (token.empty())
      return refused("the call is neither signed nor has it a token",
                     "send X-Lemmy-Signature, or Authorization: Bearer");
    const std::string hash = sha256_hex(token);
    for (const HookKey& key : keys)
      if (!key.token_hash.empty() && constant_time_equal(key.token_hash, hash)) found = &key;
    if (!found) return refused("the token fits no hook", "tokens of hooks stand in access.yaml under hooks");
  }
  return HookCaller{found->name, found->projects};
}

}  // namespace lemmy::access
