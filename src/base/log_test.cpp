#include "base/log.h"

#include <gmock/gmock.h>

#include "base/json.h"

namespace lemmy::log {
namespace {

std::string written(Format format, std::string value) {
  testing::internal::CaptureStderr();
  start(Level::info, format);
  info("hook refused", {{"project", std::move(value)}, {"environment", ""}});
  debug("too fine to be told");
  stop();
  return testing::internal::GetCapturedStderr();
}

TEST(Log, a_line_of_json_has_its_fields_and_none_that_are_empty) {
  const std::string line = written(Format::json, "a\"b\n");
  auto parsed = parse_json(line, "line");
  ASSERT_TRUE(parsed) << line;
  const json::object& o = parsed->as_object();
  EXPECT_EQ(text_or(o, "level"), "info");
  EXPECT_EQ(text_or(o, "event"), "hook refused");
  EXPECT_EQ(text_or(o, "project"), "a\"b\n");
  EXPECT_FALSE(o.contains("environment"));
  EXPECT_TRUE(o.contains("time"));
}

TEST(Log, what_strangers_sent_cannot_steer_a_terminal_or_make_a_line) {
  const std::string line = written(Format::text, "x\x1b[31m\nforged é");
  EXPECT_THAT(line, testing::HasSubstr("hook refused  project=x [31m forged é\n"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

}  // namespace
}  // namespace lemmy::log
