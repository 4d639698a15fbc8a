#include "playground/world.h"

#include <gtest/gtest.h>

namespace lemmy::playground {
namespace {

TEST(World, gives_no_name_twice) {
  asio::io_context loop;
  World world(loop.get_executor(), {});
  std::set<std::string> names;
  for (int i = 0; i < 20; ++i) {
    Object pod;
    pod.kind = Kind::pod;
    pod.ns = "staging";
    pod.name = world.free_name(Kind::pod, "staging", "hello-1-", 1);  // of 27
    pod.head = {{"metadata", {{"name", pod.name}, {"namespace", "staging"}}}};
    names.insert(pod.name);
    world.store.put(std::move(pod));
  }
  EXPECT_EQ(names.size(), 20u);
}

}  // namespace
}  // namespace lemmy::playground
