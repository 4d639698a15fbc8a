#include "net/connection.h"

namespace lemmy::net {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
constexpr std::chrono::milliseconds kNext{250};  // RFC 8305, 5: Connection Attempt Delay

struct Race {
  Race(asio::any_io_executor executor, size_t n) : wake(executor) {
    for (size_t i = 0; i < n; ++i) sockets.emplace_back(executor);
  }
  std::vector<tcp::socket> sockets;
  asio::steady_timer wake;
  std::optional<size_t> winner;
  size_t failed = 0;
  error_code why;
};

}  // namespace

Task<Result<tcp::socket>> connect_first(asio::any_io_executor executor, std::vector<tcp::endpoint> to) {
  auto race = std::make_shared<Race>(executor, to.size());
  struct Closes {  // the others; all when this coroutine is cancelled or destroyed
    Race& race;
    ~Closes() {
      error_code ignored;
      for (tcp::socket& s : race.sockets) s.close(ignored);
    }
  } closes{*race};
  for (size_t next = 0; !race->winner && race->failed < to.size();) {
    const bool more = next < to.size();
    if (more) {
      race->sockets[next].async_connect(to[next], [race, next](error_code ec) {
        if (ec) {
          ++race->failed;
          race->why = ec;
        } else if (!race->winner) {
          race->winner = next;
        }
        race->wake.cancel();
      });
      ++next;
    }
    race->wake.expires_at(next < to.size() ? Clock::now() + kNext : Clock::time_point::max());
    co_await race->wake.async_wait(asio::as_tuple(asio::use_awaitable));
    bool stopped = co_await cancelled();
    if (stopped) throw boost::system::system_error(asio::error::operation_aborted);
  }
  if (!race->winner) co_return fail(ErrorCode::unavailable, "", race->why.message());
  co_return std::move(race->sockets[*race->winner]);
}

}  // namespace lemmy::net
