#pragma once
// Changes to access.yaml as text in, text out: comments and the order stay. Every result was read back and
// differs from the input in the one entry only. Errors: conflict (the name is taken), not_found, invalid.
#include <filesystem>

#include "access/access.h"

namespace lemmy::access {

Result<std::string> add_user(const std::string& text, const std::string& name, Role role,
                             const std::string& password_hash);
Result<std::string> set_password(const std::string& text, const std::string& name,
                                 const std::string& password_hash);
Result<std::string> remove_user(const std::string& text, const std::string& name);

Result<std::string> add_token(const std::string& text, const config::Token& token);
Result<std::string> remove_token(const std::string& text, const std::string& name);

// Tokens of instances have names of their own.
Result<std::string> add_instance_token(const std::string& text, const config::InstanceToken& token);
Result<std::string> remove_instance_token(const std::string& text, const std::string& name);

// Tables for people, without hashes.
std::string list_users(const config::Access& access);
// Those of instances too, with the target in place of projects.
std::string list_tokens(const config::Access& access, Time now);

// Empty text when there is no file.
Result<std::string> read_access(const std::filesystem::path& file);
// Mode 0600, in one step.
Result<> write_access(const std::filesystem::path& file, std::string_view text);

}  // namespace lemmy::access
