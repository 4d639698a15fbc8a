#pragma once
// Texts as Ansible prints them, made fit to keep. All pure.
#include <string>
#include <string_view>

namespace lemmy::ansible {

std::string without_colours(
    std::string_view text);  // no escape sequences, no controls but tabs and line ends
// The last `bytes` of it, from the start of a line where possible.
std::string tail(std::string_view text, size_t bytes);
// "/etc/lemmy/ansible/roles/app/tasks/main.yml:12" -> "roles/app/tasks/main.yml:12"
std::string relative_path(std::string_view path, std::string_view root);
// Python writes half surrogate pairs for bytes that are not UTF-8; JSON parsers refuse them.
std::string without_half_surrogates(std::string_view json);

}  // namespace lemmy::ansible
