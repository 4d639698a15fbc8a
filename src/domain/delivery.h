#pragma once
#include <string>

#include "base/json.h"
#include "base/time.h"

namespace lemmy {

// What an inbound hook call was and what became of it: the ledger. Refused ones are recorded too.
struct Delivery {
  int64_t seq = 0;   // given by the store
  std::string hook;  // "build" | "instance"
  std::string id;    // X-Lemmy-Delivery, or made from the body; the same id within a hook is a duplicate
  Time at{};
  std::string from;     // address of the caller
  std::string caller;   // which secret or token signed it; empty when none fitted
  std::string project;  // as far as it could be read
  std::string body;     // as received, at most 64 KiB; empty when the signature was wrong
  std::string verdict;  // accepted | duplicate | refused | unknown_project
  std::string why;      // for people, when refused
  bool operator==(const Delivery&) const = default;
};

json::object to_json(const Delivery& delivery);

}  // namespace lemmy
