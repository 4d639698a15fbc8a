#include "web/fragments.h"

#include "base/crypto.h"

namespace lemmy::web {
namespace {

constexpr size_t kMostEntries = 256;
constexpr auto kErrorLasts = std::chrono::seconds(1);
constexpr auto kLongestWait = std::chrono::seconds(30);

std::string replace_all(const std::string& text, const std::string& from, const std::string& to) {
  std::string out;
  size_t at = 0;
  for (size_t hit; (hit = text.find(from, at)) != text.npos; at = hit + from.size())
    out.append(text, at, hit - at).append(to);
  return out.append(text, at);
}

}  // namespace

struct Fragments::Entry {
  explicit Entry(asio::any_io_executor loop) : done(loop) {}
  uint64_t version = 0;
  net::Shared html;
  std::map<std::string, net::Shared> events;  // by CSRF token
  std::optional<Error> error;
  bool busy = false;
  Signal done;
  Clock::time_point rendered{}, used{};
};

Fragments::Fragments(asio::any_io_executor loop, std::chrono::milliseconds pace)
    : loop_(loop), pace_(pace), placeholder_("csrf-" + random_hex(16)) {}

void Fragments::forget_old() {
  if (entries_.size() < kMostEntries) return;
  auto now = Clock::now();
  std::erase_if(entries_, [&](const auto& e) {
    return !e.second->busy && now - e.second->used > std::chrono::seconds(30);
  });
}

Task<Result<Fragments::Piece>> Fragments::get(Ask ask) {
  forget_old();
  auto& slot = entries_[ask.key];
  if (!slot) slot = std::make_shared<Entry>(loop_);
  const std::shared_ptr<Entry> entry = slot;
  const uint64_t needed = ask.version();

  while (!entry->html || entry->version < needed) {
    entry->used = Clock::now();
    if (entry->error && Clock::now() - entry->rendered < kErrorLasts) co_return fail(*entry->error);
    if (entry->busy) {
      co_await entry->done.wait(kLongestWait);
      continue;
    }
    entry->busy = true;
    struct Release {
      std::shared_ptr<Entry> entry;
      ~Release() {
        entry->busy = false;
        entry->done.notify();
      }
    } release{entry};
    auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(entry->rendered + pace_ - Clock::now());
    if (rest.count() > 0) co_await sleep_for(rest);
    const uint64_t version = ask.version();  // before reading: what changes meanwhile is newer
    auto html = co_await ask.make();
    entry->rendered = Clock::now();
    entry->error.reset();
    entry->events.clear();
    if (html) {
      entry->html = std::make_shared<const std::string>(std::move(*html));
      entry->version = version;
    } else {
      entry->error = html.error();
      co_return fail(html.error());
    }
  }
  entry->used = Clock::now();
  net::Shared& event = entry->events[ask.csrf];
  if (!event)
    event = std::make_shared<const std::string>(
        net::sse_event("main", ask.id(entry->version), replace_all(*entry->html, placeholder_, ask.csrf)));
  Piece piece;
  piece.version = entry->version;
  piece.event = event;
  co_return piece;
}

}  // namespace lemmy::web
