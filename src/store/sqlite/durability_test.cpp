// A child is killed at a random moment; whatever it had acknowledged must be in the file.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "store/sqlite/fixture.h"

namespace lemmy::store {
namespace {

Task<> write_for_ever(SqliteStore& store, int first, int step, int fd) {
  for (int i = first;; i += step) {
    auto accepted = co_await store.accept(
        {0, "build", std::to_string(i), now(), "", "", "hello", "{}", "accepted", ""}, std::nullopt);
    if (accepted && ::write(fd, &i, sizeof i) != sizeof i) ::_exit(2);
  }
}

[[noreturn]] void serve(const std::string& path, int round, int fd) {
  asio::io_context loop;
  auto store = SqliteStore::open(loop.get_executor(), path);
  if (!store) ::_exit(1);
  for (int w = 0; w < 8; ++w)
    asio::co_spawn(loop, write_for_ever(**store, round * 1'000'000 + w, 8, fd), asio::detached);
  loop.run();
  ::_exit(0);
}

TEST_F(Sqlite, what_was_acknowledged_survives_kill_9) {
  std::mt19937 random(std::random_device{}());
  std::set<std::string> acknowledged;  // over all rounds
  auto read_one = [&](int fd) {
    int i;
    bool ok = ::read(fd, &i, sizeof i) == sizeof i;
    if (ok) acknowledged.insert(std::to_string(i));
    return ok;
  };
  for (int round = 0; round < 10; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) serve(path, round, ends[1]);
    ::close(ends[1]);
    bool began = read_one(ends[0]);  // it writes by now, however slow the machine
    ::usleep(random() % 60'000);
    ::kill(child, SIGKILL);
    while (read_one(ends[0])) {
    }
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    ASSERT_TRUE(began);
    auto store = SqliteStore::open(loop.get_executor(), path);
    ASSERT_TRUE(store) << store.error().str();
    auto lost = acknowledged;
    Page page{1000, ""};
    do {
      auto l = *run((*store)->deliveries(page));
      for (auto& d : l.items) lost.erase(d.id);
      page.after = l.next;
    } while (!page.after.empty());
    ASSERT_TRUE(lost.empty()) << lost.size() << " lost, such as " << *lost.begin();
  }
}

}  // namespace
}  // namespace lemmy::store
