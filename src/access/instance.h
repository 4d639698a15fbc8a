#pragma once
// How a host that boots proves who it is, and for which targets it may ask: one answer for tokens and for the
// signed identity documents of clouds. docs/hosts.md has examples of each. Pure; time is passed in.
//   AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
//   GCE: https://cloud.google.com/compute/docs/instances/verifying-instance-identity
#include <openssl/types.h>

#include <memory>

#include "access/hook.h"

namespace lemmy::access {

// The keys of access.yaml as read from their files; which of them cannot be read is said in `problems`, and
// the others work.
struct InstanceKeys {
  struct Impl;  // certificates and JWKS, parsed once
  std::shared_ptr<const Impl> impl;
  std::vector<Error> problems;
};
InstanceKeys read_instance_keys(const config::Access& access);  // blocks

struct InstanceRequest {
  Target target;            // what is asked for
  std::string instance_id;  // who says to ask
  std::string remote;       // address that the call came from
  // Authorization: Bearer <token of a target, or a GCE JWT>; the PKCS#7 or RSA-2048 signature of AWS with its
  // document come in headers or in fields of the body:
  std::string authorization;
  std::string document;   // AWS: the document as served, for `signature`; empty with pkcs7, which holds it
  std::string signature;  // AWS: base64, of .../instance-identity/signature (RSA, SHA-256)
  std::string pkcs7;      // AWS: base64, of .../instance-identity/pkcs7 or .../rsa2048
};

struct InstanceCaller {
  std::string name;  // for people and the ledger: "token web", "aws 123456789012/eu-west-1", "gce my-project"
  bool proven = false;  // the instance id itself is proven, not only the target
  std::string address;  // what the document says; empty: it says none
  // The same proof again: a ledger id. Of a document that is good once; empty: it may be used again (tokens).
  std::string once;
  // AWS serves the same document for the life of an instance: an older one than was seen is a replay.
  std::optional<Time> launched_at;
};

// Errors: unauthorized (no proof, or one that does not hold), forbidden (a good proof, for another instance,
// target, account or address). They say what is wrong, never what would have been right.
Result<InstanceCaller> verify_instance(const config::Access& access, const InstanceKeys& keys,
                                       const InstanceRequest& request, Time now);

}  // namespace lemmy::access
