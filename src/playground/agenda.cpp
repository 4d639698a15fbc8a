#include "playground/agenda.h"

namespace lemmy::playground {
namespace {
constexpr int kAtOnce = 100;  // then other handlers of the loop get their turn
}

struct Agenda::State : std::enable_shared_from_this<State> {
  explicit State(asio::any_io_executor executor) : timer(executor) {}
  struct Item {
    Clock::time_point at;
    uint64_t order;
    std::function<void()> what;
    bool operator<(const Item& o) const { return std::tie(o.at, o.order) < std::tie(at, order); }
  };
  asio::steady_timer timer;
  std::priority_queue<Item> items;
  uint64_t next = 0;
  Clock::time_point armed = Clock::time_point::max();
  bool stopped = false;

  void arm() {
    if (stopped || items.empty() || items.top().at >= armed) return;
    armed = items.top().at;
    timer.expires_at(armed);
    timer.async_wait([self = shared_from_this()](boost::system::error_code ec) {
      if (!ec) self->run();
    });
  }
  void run() {
    auto now = Clock::now();
    for (int i = 0; i < kAtOnce && !stopped && !items.empty() && items.top().at <= now; ++i) {
      auto what = std::move(const_cast<Item&>(items.top()).what);
      items.pop();
      what();
    }
    armed = Clock::time_point::max();
    arm();
  }
};

Agenda::Agenda(asio::any_io_executor executor) : state_(std::make_shared<State>(executor)) {}
Agenda::~Agenda() { stop(); }

void Agenda::after(std::chrono::milliseconds delay, std::function<void()> what) {
  if (state_->stopped) return;
  state_->items.push({Clock::now() + delay, state_->next++, std::move(what)});
  state_->arm();
}

void Agenda::stop() {
  state_->stopped = true;
  state_->items = {};
  state_->timer.cancel();
}

size_t Agenda::size() const { return state_->items.size(); }

}  // namespace lemmy::playground
