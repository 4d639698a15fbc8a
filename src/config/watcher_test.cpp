#include "config/watcher.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/crypto.h"
#include "base/files.h"
#include "config/sample_test.h"

namespace lemmy::config {
namespace {

struct Watching : Sample {
  // As if all files had been written long ago.
  void age() {
    for (const auto& e : fs::recursive_directory_iterator(dir))
      fs::last_write_time(e.path(), fs::file_time_type::clock::now() - std::chrono::hours{1});
    fs::last_write_time(dir, fs::file_time_type::clock::now() - std::chrono::hours{1});
  }
};

TEST_F(Watching, nothing_is_there_before_the_first_look) {
  Watcher w(dir);
  EXPECT_FALSE(w.current());
  EXPECT_EQ(w.poll(), News::config);
  ASSERT_TRUE(w.current());
  EXPECT_EQ(w.poll(), News::none);
}

TEST_F(Watching, a_good_edit_is_taken_over) {
  Watcher w(dir);
  w.poll();
  auto before = w.current();
  put("projects/hello-world/project.yaml", "description: new\n");
  EXPECT_EQ(w.poll(), News::config);
  EXPECT_EQ(w.current()->project("hello-world")->description, "new");
  EXPECT_NE(before->project("hello-world")->description, "new") << "what somebody holds does not change";
  EXPECT_EQ(w.poll(), News::none);
}

TEST_F(Watching, a_broken_edit_never_replaces_the_good_one) {
  Watcher w(dir);
  w.poll();
  auto good = w.current();
  put("projects/hello-world/project.yaml", "histroy: 3\n");
  EXPECT_EQ(w.poll(), News::problems);
  EXPECT_EQ(w.current(), good);
  ASSERT_EQ(w.problems().size(), 1u);
  EXPECT_EQ(w.problems()[0].hint, "did you mean 'history'?");
  EXPECT_EQ(w.poll(), News::none) << "the same problems are no news";
  put("projects/hello-world/project.yaml", "history: 3\n");
  EXPECT_EQ(w.poll(), News::config);
  EXPECT_TRUE(w.problems().empty());
}

TEST_F(Watching, an_edit_that_is_taken_back_clears_its_problems) {
  Watcher w(dir);
  w.poll();
  auto good = w.current();
  std::string text = *read_file(dir / "clusters.yaml");
  put("clusters.yaml", "clusters: [\n");
  EXPECT_EQ(w.poll(), News::problems);
  put("clusters.yaml", text);
  EXPECT_EQ(w.poll(), News::problems);
  EXPECT_TRUE(w.problems().empty());
  EXPECT_EQ(w.current(), good) << "equal text, equal configuration";
}

TEST_F(Watching,
       what_a_check_finds_anew_is_as_a_broken_edit_and_what_was_there_at_the_start_holds_up_nothing) {
  std::string checked = "projects/hello-world/project.yaml";
  Watcher w(dir, [](const Config& c) {
    Problems found;
    for (const auto& [name, p] : c.projects)
      if (p.description.starts_with("bad")) found.push_back({ErrorCode::invalid, name, p.description});
    return found;
  });
  put(checked, "description: bad\n");
  EXPECT_EQ(w.poll(), News::config);
  EXPECT_TRUE(w.problems().empty());
  ASSERT_EQ(w.faults().size(), 1u);
  put("projects/user-service/project.yaml", "description: new\n");
  EXPECT_EQ(w.poll(), News::config) << "an edit of another";
  EXPECT_EQ(w.faults().size(), 1u);
  put("projects/user-service/project.yaml", "description: bad too\n");
  EXPECT_EQ(w.poll(), News::problems);
  EXPECT_EQ(w.problems().size(), 2u);
  EXPECT_EQ(w.current()->project("user-service")->description, "new");
  put("projects/user-service/project.yaml", "description: new\n");
  EXPECT_EQ(w.poll(), News::problems);
  EXPECT_TRUE(w.problems().empty());
  put(checked, "description: good\n");
  EXPECT_EQ(w.poll(), News::config);
  EXPECT_TRUE(w.faults().empty());
}

TEST_F(Watching, old_files_are_not_read_again_and_touched_ones_are_no_news) {
  age();
  Watcher w(dir);
  EXPECT_EQ(w.poll(), News::config);
  EXPECT_EQ(w.poll(), News::none);
  fs::last_write_time(dir / "clusters.yaml", fs::file_time_type::clock::now() - std::chrono::minutes{1});
  EXPECT_EQ(w.poll(), News::none);
}

TEST_F(Watching, a_second_edit_of_equal_size_and_time_is_seen) {
  Watcher w(dir);
  fs::path file = dir / "projects/hello-world/project.yaml";
  put("projects/hello-world/project.yaml", "history: 3\n");
  auto time = fs::last_write_time(file);
  EXPECT_EQ(w.poll(), News::config);
  if (FILE* f = std::fopen(file.c_str(), "r+")) {  // keeps the inode
    std::fputs("history: 4\n", f);
    std::fclose(f);
  }
  fs::last_write_time(file, time);
  EXPECT_EQ(w.poll(), News::config);
  EXPECT_EQ(w.current()->project("hello-world")->history, 4);
}

TEST_F(Watching, new_and_removed_files_are_seen) {
  age();
  Watcher w(dir);
  w.poll();
  fs::create_directory(dir / "standards");
  put("standards/service.json.j2", "{}");
  EXPECT_EQ(w.poll(), News::config);
  EXPECT_EQ(w.current()->standards.size(), 1u);
  fs::remove_all(dir / "projects/user-service");
  put("access.yaml", "anonymous: viewer\n");  // the one of before names that project
  EXPECT_EQ(w.poll(), News::config);
  EXPECT_FALSE(w.current()->project("user-service"));
  fs::remove_all(dir);
  EXPECT_EQ(w.poll(), News::problems);
  EXPECT_TRUE(w.current());
}

TEST_F(Watching, an_access_yaml_that_vanishes_or_is_emptied_stays_in_use) {
  Watcher w(dir);
  w.poll();
  auto good = w.current();
  const std::string text = *read_file(dir / "access.yaml");
  fs::rename(dir / "access.yaml", dir / ".access");
  put("projects/hello-world/project.yaml", "history: 3\n");
  EXPECT_EQ(w.poll(), News::problems);
  EXPECT_EQ(w.current(), good) << "nor is anything else of it taken over";
  ASSERT_EQ(w.problems().size(), 1u);
  EXPECT_EQ(w.problems()[0].where, "access.yaml");
  EXPECT_EQ(w.problems()[0].what,
            "the file is gone: with it went who may do what; the one of before stays in use");
  for (const char* empty : {"", "# nothing\n", "{}\n"}) {
    put("access.yaml", empty);
    w.poll();
    ASSERT_EQ(w.problems().size(), 1u);
    EXPECT_TRUE(w.problems()[0].what.starts_with("the file is empty")) << empty;
    EXPECT_EQ(w.current(), good);
  }
  put("access.yaml", text);
  EXPECT_EQ(w.poll(), News::config);
  EXPECT_TRUE(w.problems().empty());
  EXPECT_EQ(w.current()->project("hello-world")->history, 3);
  EXPECT_EQ(w.current()->access, good->access);
}

TEST_F(Watching, an_access_yaml_that_appears_is_taken_over_and_cannot_be_lost_from_then_on) {
  const std::string text = *read_file(dir / "access.yaml");
  fs::remove(dir / "access.yaml");
  Watcher w(dir);
  EXPECT_EQ(w.poll(), News::config);
  EXPECT_FALSE(w.current()->has_access);
  put("access.yaml", text);
  EXPECT_EQ(w.poll(), News::config);
  EXPECT_TRUE(w.current()->has_access);
  fs::remove(dir / "access.yaml");
  EXPECT_EQ(w.poll(), News::problems);
  EXPECT_TRUE(w.current()->has_access);
}

// As `lemmy token remove` leaves it: who was taken away must not stay.
TEST_F(Watching, the_last_entry_of_access_yaml_can_be_removed) {
  Watcher w(dir);
  w.poll();
  put("access.yaml", "tokens:\n");
  EXPECT_EQ(w.poll(), News::config);
  EXPECT_TRUE(w.current()->access.tokens.empty());
}

TEST_F(Watching, may_be_asked_from_several_threads) {
  Watcher w(dir);
  w.poll();
  std::thread poller([&] {
    for (int i = 0; i < 20; ++i) {
      put("projects/hello-world/project.yaml", i % 2 ? "history: 3\n" : "history: x\n");
      w.poll();
    }
  });
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(w.current()->project("hello-world"));
    w.problems();
    w.poll();
  }
  poller.join();
}

}  // namespace
}  // namespace lemmy::config
