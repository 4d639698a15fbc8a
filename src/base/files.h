#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace lemmy {

// The whole file. Fails with not_found, too_large (over `limit` bytes), or unavailable: also when it is no
// regular file, as a pipe would hold the reader up. Blocks: not on the loop.
Result<std::string> read_file(const std::filesystem::path& path, size_t limit = 16u << 20);
// As read_file, of what somebody names on the command line: also <(a command), a pipe, or a terminal.
Result<std::string> read_input(const std::filesystem::path& path, size_t limit = 16u << 20);
// What is in a folder, by name; none when there is no such folder. unavailable: it cannot be read, or not to
// its end. Blocks.
Result<std::vector<std::filesystem::path>> entries_of(const std::filesystem::path& folder);
// Replaces the file in one step (temporary file, fsync, rename), with the given permission bits.
Result<> write_file(const std::filesystem::path& path, std::string_view text, unsigned mode = 0644);

}  // namespace lemmy
