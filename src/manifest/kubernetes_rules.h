#pragma once
// Inside room manifest: what the API server says of texts in objects, so that it is told with file and key
// before anything is sent. Each gives what is wrong, or nothing. Pure.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace lemmy::manifest {

struct Wrong {
  std::string what, hint;
};

// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
// (annotations have the same keys).
std::optional<Wrong> wrong_key(std::string_view key);
std::optional<Wrong> wrong_label_value(std::string_view value);

// A quantity in its base unit, as far as a double can tell; nullopt: it is none.
// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
std::optional<double> quantity(std::string_view text);
inline constexpr double kAlike = 1e-9;  // what two that are the same may differ by, of either
// Also of what the API server takes and nobody means: memory in thousandths of a byte, millions of CPUs.
std::optional<Wrong> wrong_quantity(std::string_view resource, std::string_view text);

// https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/
std::optional<Wrong> wrong_variable(std::string_view name);

// The names of $(NAME) in a variable's value, which Kubernetes replaces by variables that stand before it;
// $$( is no such.
// https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
std::vector<std::string_view> references(std::string_view value);
// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names: containers,
// volumes and ports of Services.
std::optional<Wrong> wrong_part_name(std::string_view name);
// What has to be of exactly one kind: a probe's and a hook's handler, where a variable's value is from; and a
// volume, which is an emptyDir when it says nothing. `type` as kubernetes_schema.json names it.
std::optional<Wrong> wrong_choice(std::string_view type, const json::object& o);
// RFC 6335 5.1: ports of containers.
std::optional<Wrong> wrong_port_name(std::string_view name);

}  // namespace lemmy::manifest
