#pragma once
// Errors are values. Everything that can go wrong outside this process (network, cluster, files, templates,
// users) comes back as Result<T>; exceptions are for programming errors only.
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace lemmy {

enum class ErrorCode {
  invalid,       // the caller's input breaks a rule
  unauthorized,  // nobody is signed in, or the signature is wrong
  forbidden,     // known, but may not
  not_found,
  conflict,  // the state does not allow it now, or somebody else was first
  too_large,
  rate_limited,
  rejected,     // another system looked at it and said no (admission, quota, RBAC)
  unavailable,  // another system cannot be reached now; trying again may help
  timeout,
  cancelled,
  internal,
};

// Whose trouble it is. A deploy is not failed for the store's.
enum class Whose : unsigned char { unknown, store, place };

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string where;   // place: file:line:column, key, URL, object; may be empty
  std::string what;    // one sentence, no trailing full stop
  std::string hint;    // what to do; may be empty
  std::string detail;  // several lines, such as an excerpt; may be empty
  Whose whose = Whose::unknown;

  // "where: what (hint)" on one line, without detail.
  std::string str() const;
  bool operator==(const Error&) const = default;
};

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string where, std::string what, std::string hint = "",
                                   std::string detail = "") {
  return std::unexpected(
      Error{code, std::move(where), std::move(what), std::move(hint), std::move(detail), Whose::unknown});
}
inline std::unexpected<Error> fail(Error e) { return std::unexpected(std::move(e)); }

// The one table from errors to the outside. docs/api.md and docs/cli.md are written from it.
std::string_view name(ErrorCode code);   // "not_found"
std::string_view title(ErrorCode code);  // "Not found"
int http_status(ErrorCode code);
int exit_code(ErrorCode code);

}  // namespace lemmy
