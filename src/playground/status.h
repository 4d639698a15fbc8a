#pragma once
// Inside room playground: Kubernetes Status objects, worded as the API server words them.
#include <expected>
#include <string>
#include <vector>

#include "base/json.h"
#include "playground/resources.h"

namespace lemmy::playground {

struct Cause {
  std::string reason;   // "FieldValueInvalid"
  std::string message;  // "Invalid value: -1: must be greater than or equal to 0"
  std::string field;    // "spec.replicas"
};

struct Failure {
  int code = 500;
  std::string reason, message;
  json::object details;

  json::object status() const;
};
template <class T = void>
using Answer = std::expected<T, Failure>;
inline std::unexpected<Failure> refuse(Failure f) { return std::unexpected(std::move(f)); }

Failure not_found(const Resource& r, const std::string& name);
Failure already_exists(const Resource& r, const std::string& name);
Failure conflict(const Resource& r, const std::string& name, const std::string& why);
Failure forbidden(const Resource& r, const std::string& name, const std::string& why);
Failure invalid(const Resource& r, const std::string& name, std::vector<Cause> causes);
Failure bad_request(std::string message);
Failure expired(std::string message);  // 410
Failure internal(std::string message);
Failure no_such_path();

}  // namespace lemmy::playground
