#include "ansible/progress.h"
#include "ansible/text.h"
#include "base/strings.h"

namespace lemmy::ansible {
namespace {
constexpr size_t kOfHost = 64u << 10, kOfAll = 2u << 20;
constexpr std::string_view kCut = "\n(the rest is in the log)\n";
}  // namespace

// Ansible prints nothing for a task with no_log or diff: false.
void Progress::add_diff(std::string_view task, std::string_view text, Host& h) {
  if (!keeps_diffs_ || trim(text).empty() || h.diff.ends_with(kCut)) return;
  std::string block = valid_utf8(without_colours(text));
  while (block.ends_with('\n')) block.pop_back();
  block = (h.diff.empty() ? "" : "\n") + std::string("task ") + shorten(task, 256) + "\n" + block + "\n";
  if (h.diff.size() + block.size() > kOfHost || diff_bytes_ + block.size() > kOfAll) block = kCut;
  diff_bytes_ += block.size();
  h.diff += block;
}

}  // namespace lemmy::ansible
