#include "app/ended_sessions.h"

namespace lemmy::app {
namespace {

constexpr const char* kKind = "ended-session";
constexpr milliseconds kLongOver{7 * 86'400'000};  // clocks differ, and may step
constexpr size_t kMost = 100'000, kTogether = 50;

}  // namespace

Task<Result<>> EndedSessions::end(std::string id, Time expires) {
  ended_[id] = expires;
  store::Entry entry{kKind, std::move(id), {{"expires", to_millis(expires)}}};
  store::Writes writes;
  writes.put.push_back(std::move(entry));
  auto kept = co_await store_->write_all(std::move(writes), {});
  // Clicked twice.
  if (!kept && kept.error().code != ErrorCode::conflict) co_return fail(kept.error());
  co_return Result<>{};
}

Task<Result<>> EndedSessions::read() {
  const Time at = now();
  std::erase_if(ended_, [&](const auto& one) { return at - one.second > kLongOver; });
  std::vector<store::Entry> over;
  store::Page page{1'000, ""};
  do {
    auto some = co_await store_->entries(kKind, "", page);
    if (!some) co_return fail(some.error());
    for (store::Entry& e : some->items) {
      const Time expires = from_millis(int_or(e.body, "expires"));
      if (at - expires <= kLongOver)
        ended_[e.key] = expires;
      else
        over.push_back(std::move(e));
    }
    page.after = some->next;
  } while (!page.after.empty() && ended_.size() < kMost);
  // Another server may do the same.
  for (size_t i = 0; i < over.size(); i += kTogether) {
    store::Writes some;
    for (size_t n = i; n < std::min(over.size(), i + kTogether); ++n)
      some.remove.push_back(std::move(over[n]));
    if (auto gone = co_await store_->write_all(std::move(some), {}); !gone) break;
  }
  co_return Result<>{};
}

}  // namespace lemmy::app
