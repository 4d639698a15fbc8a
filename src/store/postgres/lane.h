#pragma once
// Inside room store: a few connections that serve one queue, and connect again by themselves.
#include <deque>
#include <random>

#include "store/postgres/connection.h"

namespace lemmy::store::postgres {

struct Settings {
  int writers = 4, readers = 2;                       // connections; one more listens
  size_t queue = 4096;                                // calls that wait, of writers and of readers each
  milliseconds patience{5'000};                       // how long a call waits for a connection
  milliseconds connect{10'000};                       // for one try to connect
  milliseconds statement{30'000};                     // the server gives a statement up
  milliseconds answer{40'000};                        // a server that does not answer is given up
  milliseconds migration{600'000};                    // for a new schema, another server's included
  milliseconds first_wait{100}, longest_wait{2'000};  // between tries to connect
};

class Lane : public std::enable_shared_from_this<Lane> {
 public:
  // Reads are repeated when their connection was lost. A write may have been kept then: it is not.
  enum class Kind { reads, writes };
  Lane(asio::any_io_executor loop, Address address, Settings settings, Kind kind);

  void start();
  void stop();  // closes everything; what waits ends with unavailable
  // One transaction. Errors: unavailable when there was no connection in time, or it was lost on the way;
  // timeout; what the server said. A wait that is cancelled ends at once; what has begun may be kept.
  Task<Result<Answers>> run(Batch batch);

 private:
  struct Job;
  static Task<> serve(std::shared_ptr<Lane> self);
  Task<> attempt(std::shared_ptr<Connection> c, std::shared_ptr<Job> job);
  Task<std::shared_ptr<Connection>> connect();
  void again(std::shared_ptr<Job> job);
  std::shared_ptr<Job> next();

  asio::any_io_executor loop_;
  Address address_;
  Settings settings_;
  Kind kind_;
  bool stopping_ = false, down_ = false;
  std::deque<std::shared_ptr<Job>> jobs_;
  std::set<std::shared_ptr<Connection>> connections_;
  asio::steady_timer work_;  // workers without work wait on it
  std::minstd_rand random_;
  Group group_;
};

}  // namespace lemmy::store::postgres
