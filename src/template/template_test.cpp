#include "template/template.h"

#include <gtest/gtest.h>

#include <thread>

namespace lemmy::tmpl {
namespace {

Result<std::string> render(const std::string& text, const std::string& context = "{}", Limits limits = {},
                           const std::string& name = "t.json.j2") {
  auto t = Templates::create({{name, text}}, limits);
  if (!t) return fail(t.error());
  return (*t)->render(name, *parse_json(context, "context"));
}

TEST(Template, keeps_key_order_and_64_bit_integers) {
  std::string context = R"({"o":{"z":9007199254740993,"a":18446744073709551615,"m":-9223372036854775807}})";
  EXPECT_EQ(*render("{{ o | tojson }}", context),
            R"({"z": 9007199254740993, "a": 18446744073709551615, "m": -9223372036854775807})");
  EXPECT_EQ(*render("{{ o.z + 1 }}", context), "9007199254740994");
}

TEST(Template, does_not_escape_in_json_but_does_in_html) {
  EXPECT_EQ(*render(R"("{{ k }}")", R"({"k":"a&b<c"})"), R"("a&b<c")");
  EXPECT_EQ(*render("{{ k }}", R"({"k":"a&b<c\"'"})", {}, "page.html.j2"), "a&amp;b&lt;c&quot;&#x27;");
}

TEST(Template, an_undefined_value_is_placed_named_and_a_near_key_offered) {
  auto r = render("{\n  \"replicas\": {{ config.replica }}\n}", R"({"config":{"replicas":2}})");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().where, "t.json.j2:2:18");
  EXPECT_EQ(r.error().what, "'config.replica' is undefined");
  EXPECT_EQ(r.error().hint, "did you mean 'replicas'?");
  EXPECT_EQ(r.error().detail,
            "    1 | {\n    2 |   \"replicas\": {{ config.replica }}\n      |                  "
            "^^^^^^^^^^^^^^\n    3 | }\n");
}

TEST(Template, an_undefined_value_is_refused_within_lists_and_by_every_filter_that_writes_it) {
  for (auto text : {"{{ nope | tojson }}", "{{ {'a': [nope]} | tojson }}", "{{ ['a', nope] | join }}",
                    "{{ [nope] }}", "{{ ports | join(attribute='nope') }}", "{{ nope | upper }}",
                    "{{ nope == 1 }}", "{% if nope %}{% endif %}"}) {
    auto r = render(text, R"({"ports":[{"port":1}]})");
    ASSERT_FALSE(r) << text;
    EXPECT_TRUE(r.error().what == "'nope' is undefined" || std::string_view(text).contains("attribute"))
        << r.error().what;
  }
  EXPECT_EQ(*render("{{ nope | default([]) | tojson }}{{ [1, 2] | join('-') }}"), "[]1-2");
}

TEST(Template, an_error_points_at_the_variable_not_at_the_filter) {
  auto r =
      render("{\n  \"env\": {{ config.environ | tojson }}\n}", R"({"config":{"replicas":2,"zone":"a"}})");
  EXPECT_EQ(r.error().where, "t.json.j2:2:13");
  EXPECT_EQ(r.error().hint, "'config' has replicas, zone; or use the default filter");
  EXPECT_EQ(render("{% set x = config.zone %}\n{{ x }}", R"({"config":{}})").error().what,
            "'config.zone' is undefined, from line 1");
}

TEST(Template, mistakes_of_several_kinds_get_a_hint) {
  EXPECT_EQ(render("{% if true %}").error().hint,
            "an {% if %}, {% for %}, {% macro %} or another block is not closed");
  EXPECT_EQ(render("{{ 1 | to_json }}").error().what, "filter to_json is unknown");
  EXPECT_EQ(render("{{ 1 | to_json }}").error().hint,
            "docs/templates.md says what differs from Python's Jinja2");
  EXPECT_EQ(render("{{ 'x' | int }}").error().hint, "give a default, such as int(0)");
}

TEST(Template, a_syntax_error_is_placed) {
  auto r = render("a\n{% if %}\n");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().where.substr(0, 11), "t.json.j2:2");
  EXPECT_NE(r.error().detail.find("2 | {% if %}"), std::string::npos);
}

TEST(Template, includes_imports_and_extends_work_within_the_set_and_errors_name_the_inner_one) {
  auto t = Templates::create({{"base", "[{% block b %}base{% endblock %}]"},
                              {"child", "{% extends 'base' %}{% block b %}{{ super() }}+{% endblock %}"},
                              {"macros", "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}"},
                              {"main", "{% import 'macros' as m %}{{ m.twice('a') }}{% include 'part' %}"},
                              {"part", "\n{{ missing }}"},
                              {"lost", "{% include 'nowhere' %}"}});
  ASSERT_TRUE(t) << t.error().str();
  EXPECT_EQ(*(*t)->render("child", json::object{}), "[base+]");
  EXPECT_EQ((*t)->render("main", json::object{}).error().where, "part:2:4");
  EXPECT_EQ(*(*t)->render("main", json::object{{"missing", 1}}), "aa\n1");
  EXPECT_EQ((*t)->render("lost", json::object{}).error().code, ErrorCode::not_found);
}

TEST(Template, fuel_output_and_recursion_are_bounded) {
  EXPECT_EQ(
      render("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}").error().code,
      ErrorCode::too_large);
  EXPECT_EQ(
      render("{% for a in range(9999) %}xxxxxxxxxx{% endfor %}", "{}", {.output_bytes = 1000}).error().code,
      ErrorCode::too_large);
  EXPECT_FALSE(render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"));
  EXPECT_FALSE(render("{{ " + std::string(5000, '(') + "1" + std::string(5000, ')') + " }}"));
}

TEST(Template, the_bounds_that_the_docs_name_hold) {
  auto deep = [](int n) {
    return "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(" + std::to_string(n) +
           ") }}";
  };
  EXPECT_TRUE(render(deep(14)));
  EXPECT_FALSE(render(deep(16)));
  EXPECT_TRUE(render("{{ " + std::string(70, '(') + "1" + std::string(70, ')') + " }}"));
  EXPECT_TRUE(render("{{ range(100000) | length }}"));
  EXPECT_FALSE(render("{{ range(100001) | length }}"));
}

TEST(Template, no_filter_or_method_makes_a_text_that_was_not_paid_for) {
  for (auto text :
       {"{{ 'x' * 2000000000 }}", "{{ ('a' * 100000).replace('a', 'x' * 1000000) | length }}",
        "{{ ('x' * 1000000).join(range(99999)) | length }}", "{{ ' ' | indent(2000000000, true) }}",
        "{{ range(99999) | join('x' * 1000000) | length }}", "{{ '%2000000000d' | format(1) }}"})
    EXPECT_EQ(render(text).error().code, ErrorCode::too_large) << text;
  EXPECT_FALSE(render("{{ '{:>2000000000}'.format(1) }}"));
  EXPECT_EQ(*render("{{ '{:>5}|{}'.format('a', 'b') }}"), "    a|b");
}

TEST(Template, renders_from_many_threads_at_once) {
  auto t = *Templates::create({{"t", "{% for i in range(100) %}{{ i + n }},{% endfor %}"}});
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int n = 0; n < 4; ++n)
    threads.emplace_back([&, n] {
      for (int k = 0; k < 50; ++k)
        good += t->render("t", json::object{{"n", n}})->starts_with(std::to_string(n) + ",");
    });
  for (auto& th : threads) th.join();
  EXPECT_EQ(good, 200);
}

TEST(Template, string_methods_of_python_work) {
  EXPECT_EQ(*render("{{ 'Main'.lower() }}{% for k, v in o.items() %} {{ k }}={{ v }}{% endfor %}",
                    R"({"o":{"b":1,"a":2}})"),
            "main b=1 a=2");
}

TEST(RenderedJson, that_does_not_parse_shows_the_lines_around_the_fault) {
  auto r = parse_rendered("{\n  \"a\": 1\n  \"b\": 2\n}", "template.json.j2");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().where, "template.json.j2");
  EXPECT_NE(r.error().what.find("line 3 of the output"), std::string::npos) << r.error().what;
  EXPECT_NE(r.error().detail.find("3 |   \"b\": 2"), std::string::npos);
}

TEST(RenderedJson, with_a_key_twice_in_one_object_is_refused) {
  auto r =
      parse_rendered("{\n  \"a\": {\"b\": \"a\\\"{\", \"c\": [{\"b\": 1}, {\"b\": 2}]},\n  \"a\": 2\n}", "t");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().what, "the key \"a\" stands twice in one object, at line 3 of the output");
  EXPECT_NE(r.error().detail.find("3 |   \"a\": 2\n      |   ^^^"), std::string::npos) << r.error().detail;
  EXPECT_TRUE(parse_rendered(R"([{"a": {"a": "a"}}, {"b": ["b", "b"]}, "a", 1])", "t"));
}

TEST(Rendered, a_number_that_is_too_large_is_shown_by_its_line) {
  auto r = parse_rendered("{\n  \"a\": 1e400\n}", "t.j2");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().where, "t.j2");
  EXPECT_EQ(r.error().what,
            "what it renders is not valid JSON, at line 2 of the output: a number in it is too large");
}

TEST(Contexts, what_is_no_json_is_an_error_and_bytes_that_are_not_utf8_are_replaced) {
  auto t = *Templates::create({{"t", "{{ x }}"}});
  auto infinite = t->render("t", json::object{{"x", HUGE_VAL}});
  ASSERT_FALSE(infinite);
  EXPECT_EQ(infinite.error().code, ErrorCode::invalid);
  EXPECT_NE(infinite.error().what.find("too large"), std::string::npos);
  EXPECT_FALSE(t->render("t", Context(json::object{{"y", HUGE_VAL}}).with({{"x", 1}})));
  EXPECT_EQ(*t->render("t", json::object{{"x", "a\xff"}}), "a\xef\xbf\xbd");
}

}  // namespace
}  // namespace lemmy::tmpl
