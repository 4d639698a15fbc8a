#pragma once
// Sessions are signed cookies; the server keeps none but those that were ended before their time (id). A
// session ends when it expires, and when its user vanishes, changes role or changes password.
#include <filesystem>

#include "access/access.h"

namespace lemmy::access {

struct Session {
  Identity identity;
  std::string csrf;  // every form that changes something sends it back
  Time expires{};
  std::string id;  // tells it from others and opens nothing: 64 hex digits
};

// 32 random bytes, kept in a file with mode 0600; made when there is none. invalid: others may read the file,
// or it is damaged. Blocks.
Result<std::string> server_key(const std::filesystem::path& file);

// The cookie's value: letters, digits, '.' and '-' only.
std::string make_session(std::string_view key, const config::User& user, milliseconds lifetime, Time now);
std::optional<Session> open_session(std::string_view key, const config::Access& access,
                                    std::string_view cookie, Time now);
bool csrf_matches(const Session& session, std::string_view sent);

}  // namespace lemmy::access
