#pragma once
// How a host that boots proves who it is, and for which targets it may ask: one answer for tokens and for the
// signed identity documents of clouds. docs/hosts.md has examples of each. Pure; time is passed in.
//   AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
//   GCE: https://cloud.google.com/compute/docs/instances/verifying-instance-identity
#include <memory>

#include "access/hook.h"

namespace lemmy::access {

// The keys of access.yaml as read from their files, safe to use from any thread. What cannot be read is said
// in `problems`, and the others work; so is what works but soon may not, such as certificates that are over.
struct InstanceKeys {
  struct Impl;  // certificates and JWKS, parsed once
  std::shared_ptr<const Impl> impl;
  std::vector<Error> problems;
};
// Blocks. Google changes its keys every few days, and the files are not part of the configuration's revision:
// read them again from time to time.
InstanceKeys read_instance_keys(const config::Access& access, Time now = lemmy::now());

struct InstanceRequest {
  Target target;            // what is asked for
  std::string instance_id;  // who says to ask
  std::string remote;       // IP address that the call came from
  // Exactly one proof: Authorization: Bearer <token of a target, or a GCE JWT>; document and signature of
  // AWS; or its PKCS#7, which holds the document.
  std::string authorization;
  std::string document;   // AWS: the document's bytes as served, or base64 of them; not looked at with pkcs7
  std::string signature;  // AWS: base64, of .../instance-identity/signature (RSA, SHA-256)
  std::string pkcs7;      // AWS: base64, of .../instance-identity/rsa2048 or .../pkcs7
};

struct InstanceCaller {
  std::string name;  // for people and the ledger: "token web", "aws 123456789012/eu-west-1", "gce my-project"
  bool proven = false;  // the instance id itself is proven, not only the target
  std::string address;  // what the document says; empty: it says none
  // The same proof again: a ledger id, 64 hex digits, however the proof was written. Of a GCE token for
  // whatever it is sent; of an AWS document for this target, as an instance has one for all its life and may
  // be of several targets. Empty: it may be used again (tokens).
  std::string once;
  // AWS serves the same document until the instance is stopped: an older one than was seen is a replay.
  std::optional<Time> launched_at;
};

// Errors: unauthorized (no proof, or one that does not hold), forbidden (a good proof, for another instance,
// target, account or address, or too old). They say what is wrong, never what would have been right.
Result<InstanceCaller> verify_instance(const config::Access& access, const InstanceKeys& keys,
                                       const InstanceRequest& request, Time now);

}  // namespace lemmy::access
