#pragma once
// Who holds a server's connections, and whose goes when there are too many: whoever holds most gives one up,
// so that no caller can keep others out. Loop thread only.
#include <list>
#include <map>
#include <string>

#include "async/task.h"

namespace lemmy::net {

// Whom a limit counts as one: an IPv4 address, also when it is written as IPv6, or the /64 of an IPv6 one,
// all of which one customer has (RFC 6177). What is no address is itself.
std::string one_caller(const std::string& address);

class Connections {
 public:
  // In the order in which they go. `writing`: an answer, to who may not read it. `answering`: a request is
  // being carried out, which is never cut.
  enum class Doing { idle, reading, streaming, writing, answering };
  struct Connection {
    std::string caller;           // one_caller()
    std::function<void()> close;  // ends its coroutine, which removes it
    Doing doing = Doing::reading;
    Clock::time_point since{};
    bool closing = false;
  };
  using Handle = std::list<Connection>::iterator;

  explicit Connections(size_t most) : most_(most) {}
  Handle add(std::string caller, std::function<void()> close);
  void remove(Handle connection);
  void now(Handle connection, Doing doing);
  // Before a connection of `caller` is added. False: there is no room, and it is to be refused. At the limit
  // the caller with most connections (this one among them) loses the oldest idle one; another than this one
  // also one that sends or reads slowly, or a stream, which its page opens again.
  bool make_room(const std::string& caller);
  void close(Doing doing);  // all that do this
  size_t size() const { return all_.size(); }

 private:
  void close(Connection& connection);
  void let_go(const Connection& connection);
  std::list<Connection> all_;
  std::map<std::string, size_t, std::less<>> held_;  // by caller, without those that are being closed
  size_t most_;
};

}  // namespace lemmy::net
