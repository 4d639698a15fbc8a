#pragma once
// The naming standard: project = Service = ConfigMap = Secret name. Pure.
#include <string>
#include <string_view>

#include "base/error.h"

namespace lemmy {

// ^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$  DNS-1035 label (RFC 1035), at most 40 so that object names fit in 63.
Result<> check_project_name(std::string_view name);
// DNS-1123 label (RFC 1123), at most 63: it is the Kubernetes namespace.
Result<> check_environment_name(std::string_view name);
// 7-64 lower-case hex digits.
Result<> check_sha(std::string_view sha);

// A value that Kubernetes takes for a label: at most 63 of [-A-Za-z0-9_.], alphanumeric at both ends. Other
// characters become '-'. "feature/JIRA-7 x" -> "feature-JIRA-7-x".
std::string label_value(std::string_view text);

// RC and HPA: <project>-<sha, 7..12>-<N>, at most 63. The sha is cut to 12, and down to 7 to fit.
std::string object_name(std::string_view project, std::string_view sha, int64_t number);

// Label of pods, "yes" or "no": whether they get requests. The Service selects "yes".
inline constexpr std::string_view kAnswersLabel = "lemmy/answers";
inline constexpr std::string_view kManagedBy = "app.kubernetes.io/managed-by";  // Lemmy's objects: "lemmy"

// For people: the first 7 digits.
inline std::string short_sha(std::string_view sha) { return std::string(sha.substr(0, 7)); }

}  // namespace lemmy
