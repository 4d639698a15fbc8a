// What a failed task and a broken playbook are told by.
#include <gmock/gmock.h>

#include "ansible/job.h"
#include "ansible/task_result.h"
#include "base/files.h"

namespace lemmy::ansible {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Words, a_failure_says_what_failed_within_it) {
  EXPECT_EQ(message_of({{"msg", "Assertion failed"}, {"assertion", "n < 3"}, {"item", 3}}),
            "Assertion failed: n < 3 (item 3)");
  EXPECT_EQ(message_of(telling_result({{"msg", "The following modules failed"},
                                       {"failed_modules", {{"setup", {{"msg", "no python"}}}}}})),
            "no python");
  EXPECT_EQ(message_of({{"msg", "'x' is undefined\n\nThe error appears to be in 'a.yml': line 1"}}),
            "'x' is undefined");
}

TEST(Words, arguments_of_a_task_are_not_shown_though_ansible_could_not_read_its_result) {
  const std::string result =
      R"({"stdout": "\udcff said", "invocation": {"module_args": {"stdin": "secret"}}})";
  const std::string shown = output_of({{"module_stdout", "\n" + result + "\n"}, {"msg", "MODULE FAILURE"}});
  EXPECT_THAT(shown, HasSubstr("said"));
  EXPECT_THAT(shown, Not(HasSubstr("secret")));
  EXPECT_THAT(output_of({{"module_stderr", result.substr(0, result.size() - 3)}}), Not(HasSubstr("secret")));
}

TEST(Words, a_playbook_that_is_no_yaml_is_told_with_its_line) {
  const Error e =
      in_its_words(ErrorCode::invalid, "playbooks/x.yml",
                   "ERROR! We were unable to read either as JSON nor YAML, these are the errors we "
                   "got from each:\nJSON: Expecting value\n\nSyntax Error while loading YAML.\n  "
                   "mapping values are not allowed. mapping values are not allowed\n  in "
                   "\"<unicode string>\", line 5, column 15\n\nThe error appears to be in "
                   "'/t/x.yml': line 5, column 15, but may\nbe elsewhere");
  EXPECT_EQ(e.what, "Syntax Error while loading YAML: mapping values are not allowed: /t/x.yml line 5");
  EXPECT_EQ(in_its_words(ErrorCode::invalid, "x", "ERROR! the role 'a' was not found in /b:/c").what,
            "the role 'a' was not found");
}

TEST(Words, a_result_that_no_event_holds_is_taken_from_what_was_printed) {
  json::object event{{"event", "runner_on_failed"}, {"event_data", {{"host", "a"}, {"res", json::object{}}}}};
  take_printed_result(
      event, "fatal: [a]: FAILED! => {\"msg\": \"non-zero return code\", \"rc\": 4, \"stderr\": \"why\"}\n");
  EXPECT_EQ(message_of(event["event_data"].as_object()["res"].as_object()), "exit code 4: why");
  take_printed_result(event, "fatal: [a]: FAILED! => {\"msg\": \"other\"}");
  EXPECT_EQ(message_of(event["event_data"].as_object()["res"].as_object()), "exit code 4: why")
      << "it has one";
}

TEST(Words, a_log_that_is_not_all_says_so_once) {
  const std::string file = testing::TempDir() + "/words-log";
  ASSERT_TRUE(write_file(file, std::string(5000, 'a') + "\n" + std::string(500, 'b') + "\nend\n"));
  EXPECT_THAT(*end_of_file(file, 100'000), testing::StartsWith("aaa"));
  const std::string end = *end_of_file(file, 1000);
  EXPECT_THAT(
      end, testing::AllOf(testing::StartsWith("(what came before this is left out"), HasSubstr("\nend\n")));
  ASSERT_TRUE(write_file(file, end));
  const std::string again = *end_of_file(file, 600);
  EXPECT_EQ(again.find("left out"), again.rfind("left out")) << again;
}

}  // namespace
}  // namespace lemmy::ansible
