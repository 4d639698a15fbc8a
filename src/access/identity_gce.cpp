// The instance identity token of Google Compute Engine: a JWT (RFC 7519) that is signed with RS256.
#include <fmt/format.h>

#include "access/identity.h"
#include "base/crypto.h"
#include "base/strings.h"

namespace lemmy::access {
namespace {

constexpr std::string_view kIssuer = "https://accounts.google.com";
constexpr seconds kLeeway{60};

std::optional<json::object> object_of(std::string_view base64url) {
  auto text = from_base64url(base64url);
  if (!text) return std::nullopt;
  auto parsed = parse_json(*text, "token", 16);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return std::move(parsed->get_object());
}

std::optional<Time> time_of(const json::object& claims, std::string_view key) {
  int64_t s = int_or(claims, key, -1);
  if (s < 0 || s > 100'000'000'000) return std::nullopt;
  return from_millis(s * 1000);
}

Result<json::object> signed_claims(const InstanceKeys::Impl& keys, std::string_view jwt) {
  auto parts = split(jwt, '.');
  if (jwt.size() > kLargestJwt || parts.size() != 3) return unproven("the token is not a JWT");
  auto header = object_of(parts[0]);
  auto signature = from_base64url(parts[2]);
  if (!header || !signature) return unproven("the token is not a JWT");
  // The token has no say in how it is checked: RS256 it is, whatever key there is.
  if (text_or(*header, "alg") != "RS256" || header->contains("crit"))
    return unproven("the token is not signed with RS256");
  auto key = keys.by_kid.find(text_or(*header, "kid"));
  if (key == keys.by_kid.end())
    return unproven("the token is signed with a key that is not known",
                    "Google changes its keys: fetch keys_file of access.yaml again");
  if (!rsa_sha256_holds(key->second.get(), jwt.substr(0, parts[0].size() + 1 + parts[1].size()), *signature))
    return unproven("the token's signature does not hold");
  auto claims = object_of(parts[1]);
  if (!claims) return unproven("the token is not a JWT");
  return std::move(*claims);
}

}  // namespace

Result<InstanceCaller> verify_gce(const config::GceIdentity& rules, const InstanceKeys::Impl& keys,
                                  const InstanceRequest& request, std::string_view jwt, Time now) {
  auto claims = signed_claims(keys, jwt);
  if (!claims) return fail(claims.error());
  if (text_or(*claims, "iss") != kIssuer) return unproven("the token is of another issuer");
  if (text_or(*claims, "aud") != rules.audience)
    return unproven("the token is for another audience", "access.yaml says what to ask for");
  auto issued = time_of(*claims, "iat"), expires = time_of(*claims, "exp");
  if (!issued || !expires) return unproven("the token does not say when it was made and when it expires");
  if (*expires + kLeeway < now)
    return unproven("the token has expired", "ask the metadata server for a new one");
  if (*issued > now + kLeeway) return unproven("the token is from the future", "check this server's clock");
  const json::value* google = find(*claims, "google");
  const json::value* engine = google ? find(*google, {"compute_engine"}) : nullptr;
  const json::object* host = engine ? engine->if_object() : nullptr;
  if (!host) return unproven("the token does not say which instance it is of", "ask for it with format=full");
  const std::string_view project = text_or(*host, "project_id"), id = text_or(*host, "instance_id"),
                         name = text_or(*host, "instance_name");
  if (project.empty() || id.empty()) return unproven("the token does not say which instance it is of");
  if (!lists(rules.google_projects, project))
    return unwanted("the token is of a Google project that may not ask");
  if (request.instance_id != id && (name.empty() || request.instance_id != name))
    return unwanted("the token is of another instance");
  if (auto ok = check_target(rules.projects, request.target); !ok) return fail(ok.error());
  InstanceCaller caller{fmt::format("gce {}", project), true};
  caller.once = sha256_hex(fmt::format("gce\n{}", jwt.substr(0, jwt.rfind('.'))));
  return caller;
}

}  // namespace lemmy::access
