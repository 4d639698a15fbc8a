#include "access/instance.h"

#include <fmt/format.h>

#include <algorithm>

#include "access/identity.h"
#include "base/crypto.h"
#include "base/strings.h"

namespace lemmy::access {
namespace {

const std::string kProofs =
    "send Authorization: Bearer with a token of access.yaml instances.tokens or an identity token of GCE, or "
    "the identity document of AWS as X-Lemmy-Aws-Pkcs7";

struct Match {
  bool known = false;                            // for whatever target
  const config::InstanceToken* token = nullptr;  // for this one
};

// Looks at every token, so that the time says nothing about which one was near. A token may stand there for
// several targets.
Match match_token(const config::Access& access, const Target& target, std::string_view token) {
  const std::string hash = sha256_hex(token);
  Match m;
  for (const config::InstanceToken& t : access.instance_tokens) {
    const bool fits = constant_time_equal(t.token_hash, hash);
    m.known |= fits;
    if (fits && t.project == target.project && t.environment == target.environment) m.token = &t;
  }
  return m;
}

}  // namespace

std::unexpected<Error> unproven(std::string what, std::string hint) {
  return fail(ErrorCode::unauthorized, "instance", std::move(what), std::move(hint));
}
std::unexpected<Error> unwanted(std::string what, std::string hint) {
  return fail(ErrorCode::forbidden, "instance", std::move(what), std::move(hint));
}

bool lists(const std::vector<std::string>& list, std::string_view one) {
  return std::ranges::find(list, one) != list.end();
}

Result<> check_target(const std::vector<std::string>& projects, const Target& target) {
  if (projects.empty() || lists(projects, target.project)) return {};
  return unwanted(fmt::format("these instances may not ask for {}", shorten(target.project, 80)),
                  "access.yaml says which projects they may ask for");
}

Result<InstanceCaller> verify_instance(const config::Access& access, const InstanceKeys& keys,
                                       const InstanceRequest& request, Time now) {
  NoErrorsLeft guard;
  const std::string_view token = bearer(request.authorization);
  const bool aws = !request.document.empty() || !request.signature.empty() || !request.pkcs7.empty();
  if (aws && (!token.empty() || (!request.signature.empty() && !request.pkcs7.empty())))
    return unproven("the call has more than one proof", "send one of them");
  static const InstanceKeys::Impl kNone;
  const InstanceKeys::Impl& read = keys.impl ? *keys.impl : kNone;
  if (aws) {
    if (access.aws) return verify_aws(*access.aws, read, request, now);
    return unproven("identity documents of AWS are not taken here", "access.yaml names none: instances.aws");
  }
  if (token.empty()) return unproven("the call does not prove where it comes from", kProofs);
  if (token.size() > kLargestJwt) return unproven("the token is too long");
  const Match ours = match_token(access, request.target, token);
  if (ours.token) return InstanceCaller{"token " + ours.token->name};
  if (ours.known) return unwanted("the token is for another target", "each target has a token of its own");
  if (std::ranges::count(token, '.') != 2)  // no JWT either
    return unproven("the token fits no target",
                    "tokens of targets stand in access.yaml under instances.tokens");
  if (access.gce) return verify_gce(*access.gce, read, request, token, now);
  return unproven("identity tokens of GCE are not taken here", "access.yaml names none: instances.gce");
}

}  // namespace lemmy::access
