// What the API server's refusals mean.
#include <fmt/format.h>

#include "base/strings.h"
#include "domain/names.h"
#include "kube/client.h"

namespace lemmy::kube {

// What server-side apply says, with status 500, of an object that does not fit its schema. No try helps: it
// is our object that is wrong. The field comes first, as lines that are cut keep their beginning.
static std::optional<Error> misfit(const std::string& message, const std::string& where) {
  const bool typed = message.starts_with("failed to create typed patch object (");
  if (!typed && !message.starts_with("failed to convert new object (")) return std::nullopt;
  const std::string_view mark = typed ? "): " : ", Kind=";
  const size_t at = typed ? message.find(mark) : message.rfind(mark);
  const size_t colon = at == message.npos ? at : message.find(": ", at);
  if (colon == message.npos) return std::nullopt;
  std::string text = message.substr(colon + 2);
  if (text.starts_with("errors:")) {
    std::vector<std::string> lines;
    for (std::string_view line : split(std::string_view(text).substr(7), '\n'))
      if (!trim(line).empty()) lines.emplace_back(trim(line));
    text = join(lines, "; ");
  }
  Error e{ErrorCode::rejected, where, text,
          "a typo, or a value of another type than Kubernetes wants there: mend the template or its values"};
  const size_t end = text.starts_with('.') ? text.find(": ") : text.npos;
  if (end != text.npos) {
    e.where = text.substr(0, end);
    e.what = fmt::format("{}, in {}", text.substr(end + 2), where);
  }
  return e;
}

// https://kubernetes.io/docs/reference/access-authn-authz/rbac/: 'pods is forbidden: User "ada" cannot create
// resource "pods" in API group "" in the namespace "staging"'.
bool may_not(const Error& e) {
  return e.code == ErrorCode::forbidden && e.what.find("User \"") != e.what.npos &&
         e.what.find(" cannot ") != e.what.npos;
}

Error api_error(int status, std::string_view body, const std::string& where) {
  auto v = parse_json(body, where);
  std::string message(v && v->is_object() ? text_or(v->get_object(), "message") : "");
  if (message.empty()) message = fmt::format("HTTP {} {}", status, shorten(valid_utf8(trim(body)), 300));
  if (auto e = status == 500 ? misfit(message, where) : std::nullopt) return *e;
  Error e{ErrorCode::rejected, where, message};
  if (status == 401) {
    e.code = ErrorCode::unauthorized;
    e.hint = "the cluster does not accept our credentials: check the kubeconfig's user";
  } else if (status == 403 && message.find("exceeded quota") != message.npos) {
    e.hint = "zero or delete an older deploy, or raise the ResourceQuota";
  } else if (status == 403 && message.find(": violates PodSecurity ") != message.npos) {
    e.hint =
        "mend the securityContext of pod and containers in the template, or the namespace's label "
        "pod-security.kubernetes.io/enforce";
  } else if (status == 403 && (message.find(" usage per ") != message.npos ||
                               message.find(" limit to request ratio per ") != message.npos)) {
    e.hint = "mend the resources in the template, or the namespace's LimitRange";
  } else if (status == 403) {
    e.code = ErrorCode::forbidden;
    e.hint = "give Lemmy's account the rights listed in docs/operations.md";
  } else if (status == 404) {
    e.code = ErrorCode::not_found;
    if (message.starts_with("namespaces ")) {
      const size_t from = message.find('"') + 1, to = message.find('"', from);
      const std::string name =
          from > 0 && to != message.npos ? std::string(message.substr(from, to - from)) : "";
      e.hint = "make the namespace first: kubectl create namespace " +
               (check_environment_name(name) ? name : std::string("NAME"));
    }
  } else if (status == 409) {
    e.code = ErrorCode::conflict;
  } else if (status == 429 || status >= 500) {
    e.code = ErrorCode::unavailable;
  }
  return e;
}

}  // namespace lemmy::kube
