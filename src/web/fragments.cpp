#include "web/fragments.h"

#include "base/crypto.h"

namespace lemmy::web {
namespace {

std::string replace_all(const std::string& text, const std::string& from, const std::string& to) {
  std::string out;
  size_t at = 0;
  for (size_t hit; (hit = text.find(from, at)) != text.npos; at = hit + from.size())
    out.append(text, at, hit - at).append(to);
  return out.append(text, at);
}

}  // namespace

Fragments::Fragments(asio::any_io_executor loop, live::Pace pace)
    : views_(loop, pace), placeholder_("csrf-" + random_hex(16)) {}

Task<Result<Fragments::Piece>> Fragments::get(Ask ask) {
  auto make = [make = ask.make]() -> Task<Result<Fragment>> {
    auto html = co_await make();
    if (!html) co_return fail(html.error());
    co_return Fragment{std::move(*html), {}};
  };
  auto view = co_await views_.get(ask.key, ask.version, std::move(make));
  if (!view) co_return fail(view.error());
  Piece piece;
  piece.version = view->version;
  net::Shared& event = view->value->events[ask.csrf];
  if (!event)
    event = std::make_shared<const std::string>(net::sse_event(
        "main", ask.id(view->version), replace_all(view->value->html, placeholder_, ask.csrf)));
  piece.event = event;
  co_return piece;
}

}  // namespace lemmy::web
