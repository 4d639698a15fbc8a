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

// Each item with an entry that counts them.
Task<> tell_for_ever(SqliteStore& store, int first, int step, int fd) {
  for (int i = first;; i += step) {
    Entry count = *co_await store.entry("count", std::to_string(first % step));
    count.body["n"] = int_or(count.body, "n") + 1;
    Writes w;
    w.put = {count};
    w.tell.resize(1);
    w.tell[0].id = std::to_string(i);
    w.tell[0].kind = "count";
    w.tell[0].target = {"hello", std::to_string(first % step)};
    auto told = co_await store.write_all(w, {});
    if (told && ::write(fd, &i, sizeof i) != sizeof i) ::_exit(2);
  }
}

enum class Doing { accepting, telling };

[[noreturn]] void serve(Doing what, const std::string& path, int round, int fd) {
  asio::io_context loop;
  auto store = SqliteStore::open(loop.get_executor(), path);
  if (!store) ::_exit(1);
  for (int w = 0; w < 8; ++w)
    asio::co_spawn(loop,
                   what == Doing::telling ? tell_for_ever(**store, round * 1'000'000 + w, 8, fd)
                                          : write_for_ever(**store, round * 1'000'000 + w, 8, fd),
                   asio::detached);
  loop.run();
  ::_exit(0);
}

// Runs a child until it is killed; what it acknowledged is added. False: it never began.
bool kill_in_the_middle(Doing what, const std::string& path, int round, std::set<std::string>& acknowledged) {
  static std::mt19937 random(std::random_device{}());
  auto read_one = [&](int fd) {
    int i;
    bool ok = ::read(fd, &i, sizeof i) == sizeof i;
    if (ok) acknowledged.insert(std::to_string(i));
    return ok;
  };
  int ends[2];
  if (::pipe(ends) != 0) return false;
  pid_t child = ::fork();
  if (child == 0) serve(what, path, round, ends[1]);
  ::close(ends[1]);
  bool began = child > 0 && read_one(ends[0]);  // it writes by now, however slow the machine
  ::usleep(random() % 60'000);
  if (child > 0) ::kill(child, SIGKILL);
  while (read_one(ends[0])) {
  }
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return began;
}

TEST_F(Sqlite, what_was_told_survives_kill_9_with_what_it_tells_of_and_once) {
  std::set<std::string> acknowledged;
  for (int round = 0; round < 10; ++round) {
    ASSERT_TRUE(kill_in_the_middle(Doing::telling, path, round, acknowledged));
    auto store = SqliteStore::open(loop.get_executor(), path);
    ASSERT_TRUE(store) << store.error().str();
    std::map<std::string, int64_t> told;
    std::set<std::string> ids;
    for (int64_t at = 0;;) {
      const Feed more = *run((*store)->feed(at, 1000));
      if (more.items.empty()) break;
      for (const FeedItem& i : more.items) {
        EXPECT_GT(i.seq, at);
        at = i.seq;
        ++told[i.target.environment];
        EXPECT_TRUE(ids.insert(i.id).second) << i.id;
      }
    }
    EXPECT_TRUE(std::ranges::includes(ids, acknowledged));
    for (const auto& [name, count] : told)
      EXPECT_EQ(int_or(run((*store)->entry("count", name))->body, "n"), count);
  }
}

TEST_F(Sqlite, what_was_acknowledged_survives_kill_9) {
  std::set<std::string> acknowledged;  // over all rounds
  for (int round = 0; round < 10; ++round) {
    ASSERT_TRUE(kill_in_the_middle(Doing::accepting, path, round, acknowledged));
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
