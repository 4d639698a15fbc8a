#include "ansible/variables.h"

#include <gtest/gtest.h>

#include "ansible/prepare.h"
#include "ansible/run.h"

namespace lemmy::ansible {
namespace {

TEST(Variables, every_text_carries_the_tag_that_ansible_never_templates) {
  const json::object variables{{"lemmy",
                                {{"build", {{"message", "{{ x }} \"q\" \\ \n"}}},
                                 {"k", json::array{1, 2.5e10, true, nullptr, "{% y %}"}},
                                 {"none", json::object()}}}};
  EXPECT_EQ(
      extra_vars(variables),
      "---\n"
      "lemmy: {? !unsafe \"build\" : {? !unsafe \"message\" : !unsafe \"{{ x }} \\x22q\\x22 \\x5c \\x0a\"}, "
      "? !unsafe \"k\" : [1, !!float \"2.5E10\", true, null, !unsafe \"{% y %}\"], "
      "? !unsafe \"none\" : {}}\n");
}

TEST(Variables, a_text_that_yaml_would_take_for_something_else_stays_a_text) {
  for (std::string text : {"012", "yes", "No", "null", "~", "", "1e3", "-.inf", ".5", "0x1F", "1:20",
                           "2026-11-30T01:02:03.4Z", "2026-11-30 1:2:3 +5", "<<", "="})
    EXPECT_EQ(extra_vars({{"a", text}}), "---\na: !!str \"" + text + "\"\n");
  for (std::string text : {"web", "1.2.3-rc1", "abcdef1", "{", "-{{ x }}", "0 if (x)"})
    EXPECT_EQ(extra_vars({{"a", text}}), "---\na: !unsafe \"" + text + "\"\n");
}

TEST(Variables, what_is_not_printable_ascii_is_escaped_and_broken_utf8_is_replaced) {
  const json::object variables{{"a", std::string("\0\x1b\x7f", 3) + "\xC2\x85 \u20ac \U0001F600 \xff"}};
  EXPECT_EQ(extra_vars(variables), "---\na: !unsafe \"\\x00\\x1b\\x7f\\x85 \\u20ac \\U0001f600 \\ufffd\"\n");
}

TEST(Variables, a_key_that_ansible_would_obey_or_template_is_refused_wherever_it_is) {
  for (const char* key :
       {"__ansible_vault", "__ansible_unsafe", "__ansible_type", "{{ x }}", "{% x %}", "a{"}) {
    const json::object variables{{"lemmy", {{"config", {{"list", json::array{1, {{key, "x"}}}}}}}}};
    auto refused = check_variables(variables);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().where, std::string("lemmy.config.list[].") + key);
  }
  EXPECT_TRUE(check_variables({{"lemmy", {{"ansible", "__ansible_vault"}}}}));
}

TEST(Variables, a_pattern_of_hosts_means_these_names_and_nothing_else) {
  const std::vector<std::string> plain{"web-1", "10.0.0.7", "a_b.example.com"};
  EXPECT_EQ(host_patterns(plain, ','), "web-1,10.0.0.7,a_b.example.com");
  const std::vector<std::string> odd{"@/etc/passwd", "!web", "*", "a,b:c", "-x", "w\u00e9b 1", "[0:9]"};
  EXPECT_EQ(
      host_patterns(odd, '\n'),
      "~\\A\\x40\\x2fetc\\x2fpasswd\\Z\n~\\A\\x21web\\Z\n~\\A\\x2a\\Z\n~\\Aa\\x2cb\\x3ac\\Z\n~\\A\\x2dx\\Z\n"
      "~\\Aw\\xe9b\\x201\\Z\n~\\A\\x5b0\\x3a9\\x5d\\Z");
  EXPECT_FALSE(addressable("a\nb"));
  EXPECT_FALSE(addressable(""));
  EXPECT_FALSE(addressable("a\xff"));
}

TEST(Variables, no_part_of_a_pattern_is_an_option_or_names_a_file) {
  Plan p;
  p.id = "shop.staging.1";
  for (const char* bad :
       {"", "-v", "@/etc/passwd", "web,@/etc/passwd", "web, @/etc/passwd", "web:@x", "a\nb"}) {
    p.hosts = bad;
    EXPECT_EQ(check(p).error().where, "hosts") << bad;
  }
  p.hosts = "web:&staging:!old,~db[0-9]+,app[0:3]";
  EXPECT_NE(check(p).error().where, "hosts");
  p.only = {"web1", "a\nall"};
  EXPECT_EQ(check(p).error().where, "hosts");
}

}  // namespace
}  // namespace lemmy::ansible
