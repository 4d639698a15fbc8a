#pragma once
// What a call of POST /hooks/instance says, as a value. Pure.
#include "access/instance.h"
#include "domain/instance.h"
#include "net/http.h"

namespace lemmy::hooks {

struct InstanceFields {
  InstanceCall call;              // not checked yet; without identity
  access::InstanceRequest proof;  // document, signature, pkcs7, as far as they were sent
  std::string for_ledger;         // what it said, as JSON, without proofs
  std::optional<Error> missing;   // a field that is needed: told to those whose proof is good
};

// From the body (JSON or a form), and what the body has not from the query. An address that is not said is
// the one that the call came from. Errors: invalid, with the field as where; one that is not there is in
// `missing`, as the rest may prove who asks.
Result<InstanceFields> read_instance_call(const net::Request& request, Time now);

}  // namespace lemmy::hooks
