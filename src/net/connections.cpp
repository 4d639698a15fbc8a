#include "net/connections.h"

#include <algorithm>

namespace lemmy::net {

std::string one_caller(const std::string& address) {
  boost::system::error_code ec;
  const auto parsed = asio::ip::make_address(address, ec);
  if (ec || parsed.is_v4()) return address;
  asio::ip::address_v6 v6 = parsed.to_v6();
  if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_string();
  auto bytes = v6.to_bytes();
  std::ranges::fill(bytes.begin() + 8, bytes.end(), 0);
  return asio::ip::address_v6(bytes).to_string() + "/64";
}

Connections::Handle Connections::add(std::string caller, std::function<void()> close) {
  ++held_[caller];
  return all_.insert(all_.end(), {std::move(caller), std::move(close), Doing::reading, Clock::now()});
}

void Connections::remove(Handle connection) {
  if (!connection->closing) let_go(*connection);
  all_.erase(connection);
}

// It counts no more, though its coroutine may take a moment to end.
void Connections::let_go(const Connection& c) {
  const auto held = held_.find(c.caller);
  if (--held->second == 0) held_.erase(held);
}

void Connections::now(Handle connection, Doing doing) {
  connection->doing = doing;
  connection->since = Clock::now();
}

bool Connections::make_room(const std::string& caller) {
  size_t open = 0, own = 1;
  std::string_view from = caller;
  for (const auto& [name, n] : held_) open += n;
  if (open < most_) return true;
  if (auto it = held_.find(caller); it != held_.end()) own += it->second;
  size_t most = own;
  for (const auto& [name, n] : held_)
    if (n > most) most = n, from = name;
  const bool other = from != caller;
  auto rank = [](const Connection& c) { return std::pair(c.doing, c.since); };
  Connection* goes = nullptr;
  for (Connection& c : all_)
    if (!c.closing && c.caller == from && (c.doing == Doing::idle || (other && c.doing != Doing::answering)))
      if (!goes || rank(c) < rank(*goes)) goes = &c;
  if (goes) close(*goes);
  return goes != nullptr;
}

void Connections::close(Connection& c) {
  c.closing = true;
  let_go(c);
  c.close();
}

void Connections::close(Doing doing) {
  for (Connection& c : all_)
    if (c.doing == doing && !c.closing) close(c);
}

}  // namespace lemmy::net
