#pragma once
// For the tests of every store: a loop that is run until an answer is there, and samples of what is kept.
#include <future>

#include "store/store.h"

namespace lemmy::store {

// Some backends' own work never ends, and servers of a test may listen on the loop: so not loop.run().
template <class T>
T finish(asio::io_context& loop, std::future<T> future) {
  loop.restart();
  while (future.wait_for(seconds(0)) != std::future_status::ready) loop.run_one();
  return future.get();
}

struct Samples {
  template <class T>
  T run(Task<T> task) {
    return finish(asio::co_spawn(loop, std::move(task), asio::use_future));
  }
  // All at once on the loop; the answers in order.
  template <class T>
  std::vector<T> run_all(std::vector<Task<T>> tasks) {
    std::vector<std::future<T>> futures;
    for (auto& t : tasks) futures.push_back(asio::co_spawn(loop, std::move(t), asio::use_future));
    std::vector<T> out;
    for (auto& f : futures) out.push_back(finish(std::move(f)));
    return out;
  }
  template <class T>
  T finish(std::future<T> future) {
    return store::finish(loop, std::move(future));
  }

  static Build build(const std::string& sha, int64_t at, const std::string& project = "hello") {
    return {project, sha, "main", "", "", "", "", from_millis(at), from_millis(at)};
  }
  static lemmy::Deploy deploy(const std::string& environment = "staging") {
    lemmy::Deploy d;
    d.target = {"hello", environment};
    d.sha = "abcdef0";
    return d;
  }
  static DeployEvent event(const std::string& text) {
    DeployEvent e;
    e.kind = "phase";
    e.text = text;
    return e;
  }

  asio::io_context loop;
};

}  // namespace lemmy::store
