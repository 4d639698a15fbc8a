#include "base/printable.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace lemmy {
namespace {

TEST(Printable, what_steers_a_terminal_becomes_blanks_and_what_reorders_is_shown) {
  EXPECT_EQ(printable("a\x1b[31mb\a\n\tc\rd\x7f\u009b2Je"), "a [31mb \n\tc d  2Je");
  EXPECT_EQ(printable_line("a\nb\tc\u0085d"), "a b c d");
  EXPECT_EQ(printable_line("user \u202e txt.exe \u2066x\u2069 \u2028y"),
            "user <U+202E> txt.exe <U+2066>x<U+2069> <U+2028>y");
}

TEST(Printable, what_people_write_stays_as_it_is) {
  for (const char* text :
       {"", "plain", "h\u00e9 \u2014 \u2026 \u201cquoted\u201d", "\u05e9\u05dc\u05d5\u05dd \u200f!",
        "\U0001F468\u200d\U0001F469", "\u0e01\u200b\u0e02"}) {
    EXPECT_EQ(printable(text), text);
    EXPECT_EQ(in_order(text), text);
    EXPECT_EQ(printable_json(text), text);
  }
  EXPECT_EQ(printable("a\xff\xe2"), "a\ufffd\ufffd");
  EXPECT_EQ(printable("\xe2\x80"), "\ufffd\ufffd");
}

TEST(Printable, html_keeps_its_controls_and_shows_what_reorders) {
  EXPECT_EQ(in_order("<b>a\u202e</b>\r\n\u0085"), "<b>a&lt;U+202E&gt;</b>\r\n\u0085");
}

TEST(Printable, a_word_of_a_command_that_people_copy_is_one_word) {
  EXPECT_EQ(shell_word("web1"), "'web1'");
  EXPECT_EQ(shell_word("x'; touch /tmp/y; '$(id)\n"), "'x'\\''; touch /tmp/y; '\\''$(id) '");
}

TEST(Printable, json_keeps_its_value) {
  const json::value v{{"k\u202e", "a\u009b\x7f\u2029 \u00e9"}};
  const std::string text = printable_json(pretty_json(v));
  EXPECT_EQ(text, "{\n  \"k\\u202e\": \"a\\u009b\\u007f\\u2029 \u00e9\"\n}");
  EXPECT_EQ(json::parse(text), v);
}

}  // namespace
}  // namespace lemmy
