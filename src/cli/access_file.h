#pragma once
// Inside room cli: access.yaml of a configuration folder, read and changed.
#include <functional>
#include <string>

#include "access/edit.h"

namespace lemmy::cli {

std::string access_file(const std::string& config_dir);
Result<config::Access> load_access(const std::string& config_dir);  // nothing in it when there is no file
// Reads, changes, writes, unless the folder would get new problems by it. The folder must be there.
using Edit = std::function<Result<std::string>(const std::string& text)>;
Result<> edit_access(const std::string& config_dir, const Edit& edit);

Result<config::Role> read_role(const std::string& text);
// From the terminal without echo, twice; from standard input (its first line) when that is no terminal.
Result<std::string> read_new_password();

}  // namespace lemmy::cli
