#include "retention/archive.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "base/files.h"
#include "base/strings.h"
#include "retention/sample_test.h"

namespace lemmy::retention {
namespace {

struct AnArchive : InFolder {
  const Time at = *parse_time("2026-11-30T23:59:59Z");
  fs::path file = folder / "deploys-2026-11.jsonl.gz";
};

TEST_F(AnArchive, keeps_a_file_for_each_kind_and_month_that_only_its_owner_reads) {
  Archive a(folder);
  EXPECT_EQ(a.bytes(), 0);
  ASSERT_TRUE(a.append("deploys", at, "{\"n\":1}\n", false));
  ASSERT_TRUE(a.append("deploys", at, "{\"n\":2}\n", true));
  ASSERT_TRUE(a.append("deploys", at + 1s, "{\"n\":3}\n", true));
  ASSERT_TRUE(a.append("builds", at, "{\"n\":4}\n", true));
  EXPECT_EQ(zcat(file), "{\"n\":1}\n{\"n\":2}\n");
  EXPECT_EQ(zcat(folder / "deploys-2026-12.jsonl.gz"), "{\"n\":3}\n");
  EXPECT_EQ(zcat(folder / "builds-2026-11.jsonl.gz"), "{\"n\":4}\n");
  struct stat info;
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat(folder.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  EXPECT_GT(a.bytes(), 0);
}

TEST_F(AnArchive, cuts_the_torn_end_that_a_crash_left_at_any_byte) {
  std::string big;
  for (int i = 0; i < 500; ++i) big += "{\"n\":\"" + random_hex(40) + "\"}\n";
  ASSERT_TRUE(Archive(folder).append("deploys", at, "{\"n\":1}\n", true));
  const auto first = fs::file_size(file);
  ASSERT_TRUE(Archive(folder).append("deploys", at, big, true));
  const std::string whole = *read_file(file);
  for (size_t torn : {first + 1, first + 9, first + 10, first + 11, first + 5000, whole.size() - 9,
                      whole.size() - 8, whole.size() - 1}) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << whole.substr(0, torn);
    ASSERT_TRUE(Archive(folder).append("deploys", at, "{\"n\":2}\n", true));
    EXPECT_EQ(zcat(file), "{\"n\":1}\n{\"n\":2}\n") << torn;
  }
}

TEST_F(AnArchive, goes_on_behind_what_another_process_wrote) {
  Archive a(folder), b(folder);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(a.append("deploys", at, "a\n", true));
    ASSERT_TRUE(b.append("deploys", at, "b\n", true));
  }
  EXPECT_EQ(zcat(file), "a\nb\na\nb\na\nb\n");
}

TEST_F(AnArchive, puts_a_damaged_file_aside_and_loses_nothing_of_it) {
  ASSERT_TRUE(Archive(folder).append("deploys", at, "one\n", true));
  ASSERT_TRUE(Archive(folder).append("deploys", at, "two\n", true));
  std::string bytes = *read_file(file);
  bytes[2] = 'x';
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  ASSERT_TRUE(Archive(folder).append("deploys", at, "three\n", true));
  EXPECT_EQ(zcat(file), "three\n");
  int aside = 0;
  for (const auto& e : fs::directory_iterator(folder))
    if (e.path().filename().string().contains(".damaged-")) {
      ++aside;
      EXPECT_EQ(*read_file(e.path()), bytes);
    }
  EXPECT_EQ(aside, 1);
}

TEST_F(AnArchive, says_what_to_do_when_it_cannot_be_written) {
  std::ofstream(folder) << "a file";
  auto done = Archive(folder).append("deploys", at, "x\n", true);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::unavailable);
  EXPECT_THAT(done.error().str(), testing::HasSubstr("check space, owner and mode"));
}

TEST_F(AnArchive, takes_back_what_was_only_half_written) {
  ASSERT_TRUE(Archive(folder).append("deploys", at, "one\n", true));
  const auto before = fs::file_size(file);
  // A limit on the size of files, as a full disk: write() ends short, then fails.
  struct rlimit_guard {
    rlimit old;
    rlimit_guard(rlim_t most) {
      ::getrlimit(RLIMIT_FSIZE, &old);
      rlimit now{most, old.rlim_max};
      ::setrlimit(RLIMIT_FSIZE, &now);
      ::signal(SIGXFSZ, SIG_IGN);
    }
    ~rlimit_guard() { ::setrlimit(RLIMIT_FSIZE, &old); }
  };
  {
    rlimit_guard full(before + 20);
    auto done = Archive(folder).append("deploys", at, random_hex(4000) + "\n", true);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::unavailable);
  }
  EXPECT_EQ(fs::file_size(file), before);
  ASSERT_TRUE(Archive(folder).append("deploys", at, "two\n", true));
  EXPECT_EQ(zcat(file), "one\ntwo\n");
}

}  // namespace
}  // namespace lemmy::retention
