#pragma once
// What commands that change access.yaml ask before they write it.
#include "config/config.h"

namespace lemmy::config {

// Of a user, a token, a hook. Errors: invalid, with the characters that are allowed.
Result<> check_access_name(const std::string& name);

// What `text` in place of the folder's access.yaml would bring: the problems that it has not yet, such as a
// project that is not there. Empty: none. Blocks.
Problems problems_of_access(const std::filesystem::path& dir, const std::string& text);

}  // namespace lemmy::config
