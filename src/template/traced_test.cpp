#include <gtest/gtest.h>

#include <random>

#include "template/template.h"

namespace lemmy::tmpl {
namespace {

struct Tracing : testing::Test {
  std::shared_ptr<const Templates> templates;

  // The pieces as "text<template's text>"; '=' before those that are literal.
  std::string pieces(std::vector<Source> sources, const std::string& context = "{}") {
    auto made = Templates::create(std::move(sources));
    if (!made) return made.error().str();
    templates = *made;
    auto v = *parse_json(context, "context");
    auto traced = templates->trace("main", v);
    if (!traced) return traced.error().str();
    EXPECT_EQ(traced->text, *templates->render("main", v));
    std::string out;
    for (const Piece& p : traced->pieces) {
      std::string made_text = traced->text.substr(p.start, p.end - p.start);
      std::string from = templates->sources()[p.source].text.substr(p.from, p.until - p.from);
      if (p.literal) {
        EXPECT_EQ(made_text, from);
        out += "=" + from;
      } else {
        out += made_text + "<" + from + ">";
      }
      if (p.source != 0) out += "@" + templates->sources()[p.source].name;
      out += "|";
    }
    return out;
  }
  std::string pieces(const std::string& text, const std::string& context = "{}") {
    return pieces({{"main", text}}, context);
  }
};

TEST_F(Tracing, text_and_expressions_are_told_apart_with_their_places) {
  EXPECT_EQ(pieces("a{{ x }}b{{ x + 1 }}", R"({"x": 1})"), "=a|1<x>|=b|2<x + 1>|");
  EXPECT_EQ(pieces("{{ x | string | upper }}", R"({"x": "é"})"), "É<x | string | upper>|");
}

TEST_F(Tracing, comments_raw_blocks_and_white_space_control_keep_places_exact) {
  EXPECT_EQ(pieces("a {#- {{ no }} -#} b{% raw %}{{ x }}{% endraw %}c"), "=a|=b|={{ x }}|=c|");
  EXPECT_EQ(pieces("a \n {{- 1 -}} \n b"), "=a|1<1>|=b|");
  EXPECT_EQ(pieces("a\n{% if true -%}\n  b\n{%- endif %}\nc"), "=a\n|=b|=\nc|");
}

TEST_F(Tracing, braces_in_texts_are_no_delimiters) {
  EXPECT_EQ(pieces("{{ '}}' ~ \"{{\" ~ '%}' }}!{{ {'a': {'b': '}}'}} | tojson }}"),
            "}}{{%}<'}}' ~ \"{{\" ~ '%}'>|=!|{\"a\": {\"b\": \"}}\"}}<{'a': {'b': '}}'}} | tojson>|");
}

TEST_F(Tracing, line_statements_are_off) { EXPECT_EQ(pieces("# for x in y\n## z"), "=# for x in y\n## z|"); }

TEST_F(Tracing, each_turn_of_nested_loops_has_pieces_of_its_own) {
  EXPECT_EQ(pieces("{% for a in [1, 2] %}{% for b in 'xy' %}{{ a }}{{ b }},{% endfor %}{% endfor %}"),
            "1<a>|x<b>|=,|1<a>|y<b>|=,|2<a>|x<b>|=,|2<a>|y<b>|=,|");
}

TEST_F(Tracing, captured_text_belongs_to_the_expression_that_writes_it) {
  EXPECT_EQ(pieces("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}"), "<1><m(1)>|");
  EXPECT_EQ(pieces("{% set s %}a{{ 1 }}{% endset %}-{{ s }}"), "=-|a1<s>|");
  EXPECT_EQ(pieces("{% filter upper %}a{{ 'b' }}{% endfilter %}"), "AB<upper>|");
}

TEST_F(Tracing, what_is_included_imported_or_extended_is_of_its_own_template) {
  EXPECT_EQ(pieces({{"main", "a{% include 'part' %}"}, {"part", "\n{{ 1 }}p"}}),
            "=a|=\n@part|1<1>@part|=p@part|");
  EXPECT_EQ(
      pieces({{"main", "{% import 'lib' as l %}{{ l.m() }}"}, {"lib", "{% macro m() %}x{% endmacro %}"}}),
      "x<l.m()>|");
  EXPECT_EQ(pieces({{"main", "{% extends 'base' %}{% block b %}{{ super() }}+{% endblock %}"},
                    {"base", "[{% block b %}base{% endblock %}]"}}),
            "=[@base|=base@base|=+|=]@base|");
}

TEST_F(Tracing, errors_and_bounds_are_those_of_a_render) {
  EXPECT_EQ(pieces("\n{{ nope }}").substr(0, 8), "main:2:4");
  auto t = *Templates::create({{"main", "{% for a in range(9999) %}xxxxxxxxxx{% endfor %}"}},
                              {.output_bytes = 1000});
  EXPECT_EQ(t->trace("main", json::object{}).error().code, ErrorCode::too_large);
}

TEST_F(Tracing, a_value_made_of_text_and_expressions_is_one_range_of_the_template) {
  pieces(R"({"args": ["--config=/{{ x }}/app.json"], "n": {{ 1 }}, "o": {{ {"k": [1, "v"]} | tojson }}})",
         R"({"x": "y"})");
  auto traced = *templates->trace("main", json::object{{"x", "y"}});
  Located all = locate_json(traced.text);
  auto text_of = [&](const Located& l) {
    auto w = writers(traced, l.start, l.end);
    EXPECT_EQ(w.size(), 1u);
    return templates->sources()[0].text.substr(w[0].from, w[0].until - w[0].from);
  };
  EXPECT_EQ(text_of(all.items[0].items[0]), R"("--config=/{{ x }}/app.json")");
  EXPECT_EQ(text_of(all.items[1]), "1");
  EXPECT_EQ(text_of(all.items[2].items[0].items[1]), R"({"k": [1, "v"]} | tojson)");
}

// Templates put together at random: the traced text is the rendered one, its pieces cover all of it, and what
// is literal stands in the template.
TEST_F(Tracing, random_templates_give_the_same_text_as_a_render) {
  std::mt19937 random(20261125);
  auto pick = [&](int n) { return static_cast<int>(random() % n); };
  std::function<std::string(int)> make = [&](int depth) -> std::string {
    static const std::vector<std::string> leaves{"text ",
                                                 "\n  ",
                                                 "{{ x }}",
                                                 "{{- l | join('-') -}}",
                                                 "{# c #}",
                                                 "{{ '}}' }}",
                                                 "é\"",
                                                 "{{ o.a ~ y }}",
                                                 "{% raw %}{{ y }}{% endraw %}",
                                                 "{{ m(y) }}",
                                                 "{{ o|tojson }}",
                                                 "{{ y|upper }}",
                                                 "{% set y = y ~ 'z' %}"};
    std::string out;
    for (int i = pick(4) + 1; i > 0; --i) {
      if (depth == 0 || pick(3)) {
        out += leaves[pick(leaves.size())];
        continue;
      }
      const std::string inner = make(depth - 1);
      switch (pick(5)) {
        case 0:
          out += "{% for i in l %}{{ i }}" + inner + "{% endfor %}";
          break;
        case 1:
          out += "{%- if x > 1 %}" + inner + "{% else %}e{% endif -%}";
          break;
        case 2:
          out += "{% set s %}" + inner + "{% endset %}{{ s }}";
          break;
        case 3:
          out += "{% filter lower %}" + inner + "{% endfilter %}";
          break;
        default:
          out += "{% with x = 3 %}" + inner + "{% endwith %}";
          break;
      }
    }
    return out;
  };
  const auto context = *parse_json(R"({"x": 2, "y": "Yo", "l": [1, "b"], "o": {"a": "}}"}})", "context");
  for (int i = 0; i < 300; ++i) {
    const std::string text = "{% macro m(v) %}({{ v }}){% endmacro %}" + make(3);
    auto t = Templates::create({{"main", text}});
    ASSERT_TRUE(t) << text << t.error().str();
    auto plain = (*t)->render("main", context);
    auto traced = (*t)->trace("main", context);
    ASSERT_TRUE(plain && traced) << text;
    ASSERT_EQ(*plain, traced->text) << text;
    size_t at = 0;
    for (const Piece& p : traced->pieces) {
      ASSERT_EQ(p.start, at) << text;
      at = p.end;
      if (p.literal)
        ASSERT_EQ(text.substr(p.from, p.until - p.from), plain->substr(p.start, p.end - p.start)) << text;
    }
    ASSERT_EQ(at, plain->size()) << text;
  }
}

}  // namespace
}  // namespace lemmy::tmpl
