#pragma once
// Sessions are signed cookies; the server keeps none. A session ends when it expires, and when its user
// vanishes, changes role or changes password.
#include <filesystem>

#include "access/access.h"

namespace lemmy::access {

struct Session {
  Identity identity;
  std::string csrf;  // every form that changes something sends it back
  Time expires{};
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
