#include "playground/faults.h"

namespace lemmy::playground {

void Faults::answer(int status, Match match, std::chrono::seconds retry_after, std::string message) {
  Verdict v;
  v.status = status, v.retry_after = retry_after, v.message = std::move(message);
  planned_.push_back({std::move(match), std::move(v)});
}
void Faults::cut(Match match) {
  Verdict v;
  v.cut = true;
  planned_.push_back({std::move(match), std::move(v)});
}
void Faults::slow(std::chrono::milliseconds delay, Match match) {
  Verdict v;
  v.delay = delay;
  planned_.push_back({std::move(match), std::move(v)});
}

void Faults::expire_watches() {
  if (on_expire) on_expire();
}
void Faults::cut_streams() {
  if (on_cut_streams) on_cut_streams();
}
void Faults::silence_streams() {
  if (on_silence_streams) on_silence_streams();
}
void Faults::unreachable(bool is) {
  if (is == std::exchange(unreachable_, is)) return;
  if (on_unreachable) on_unreachable(is);
}
void Faults::clear() {
  planned_.clear();
  unreachable(false);
}

Faults::Verdict Faults::judge(const std::string& method, const std::string& path, bool watch) {
  Verdict out;
  for (Planned& p : planned_) {
    if (p.match.times == 0 || (!p.match.method.empty() && p.match.method != method)) continue;
    if (path.find(p.match.path_part) == path.npos || (p.match.watches_only && !watch)) continue;
    if (p.match.times > 0) --p.match.times;
    auto delay = std::max(out.delay, p.verdict.delay);
    if (p.verdict.status || p.verdict.cut) {
      out = p.verdict;
      out.delay = delay;
      break;
    }
    out.delay = delay;
  }
  std::erase_if(planned_, [](const Planned& p) { return p.match.times == 0; });
  return out;
}

}  // namespace lemmy::playground
