#include "template/json_schema.h"

#include <gtest/gtest.h>

namespace lemmy::tmpl {
namespace {

std::vector<JsonSchema::Fault> faults(const std::string& schema, const std::string& value) {
  auto s = JsonSchema::create("s.json", schema);
  EXPECT_TRUE(s) << s.error().str();
  auto found = (*s)->check(*parse_json(value, ""));
  EXPECT_TRUE(found) << found.error().str();
  return found.value_or(std::vector<JsonSchema::Fault>{});
}

TEST(JsonSchemas, say_which_value_is_wrong_and_why) {
  const std::string schema = R"({"properties": {"a/b": {"items": {"maximum": 3}}}, "required": ["c"]})";
  const auto found = faults(schema, R"({"a/b": [1, 5, 2]})");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].path, (std::vector<std::string>{"a/b", "1"}));
  EXPECT_EQ(found[1].what, "5 is greater than the maximum of 3");
  EXPECT_TRUE(found[0].path.empty());
  EXPECT_TRUE(faults(schema, R"({"a/b": [1], "c": 0})").empty());
}

TEST(JsonSchemas, of_an_older_draft_are_read_as_that) {
  const std::string items = R"("items": [{"type": "string"}], "additionalItems": false})";
  EXPECT_EQ(faults(R"({"$schema": "http://json-schema.org/draft-07/schema#", )" + items, "[\"a\", 2]").size(),
            1u);
}

TEST(JsonSchemas, match_patterns_in_linear_time) {
  EXPECT_EQ(faults(R"({"pattern": "^(a+)+$"})", '"' + std::string(200'000, 'a') + "b\"").size(), 1u);
}

TEST(JsonSchemas, show_little_of_a_long_value_and_few_of_many_faults) {
  EXPECT_LT(faults(R"({"maxLength": 3})", '"' + std::string(9'000, 'x') + '"').at(0).what.size(), 500u);
  std::string many = "[0";
  for (int i = 0; i < 99; ++i) many += ", 0";
  EXPECT_EQ(faults(R"({"items": {"minimum": 1}})", many + "]").size(), 20u);
}

TEST(JsonSchemas, with_a_keyword_that_would_do_nothing_are_refused) {
  const struct {
    const char *schema, *what, *hint;
  } all[] = {
      {R"({"propertes": {}})", "/propertes: 'propertes' is no keyword", "'properties'"},
      {R"({"properties": {"a/b": {"items": {"minLenght": 3}}}})",
       "/properties/a~1b/items/minLenght: ", "'minLength'"},
      {R"({"allOf": [{}, {"not": {"patern": "x"}}]})", "/allOf/1/not/patern: ", "'pattern'"},
      {R"({"maximun": 1})", "/maximun: ", "'maximum'"},
      {R"({"colour": 1})", "/colour: ", "x-"},
      {R"({"then": {}})", "'then' does nothing without 'if'", ""},
      {R"({"additionalItems": false})", "not known after JSON Schema 2019-09, and this one is of 2020-12",
       ""},
      {R"({"$schema": "http://json-schema.org/draft-07/schema#", "prefixItems": []})",
       "'prefixItems' is new in", ""},
      {R"({"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {"$ref": "#", "type": "string"}}})",
       "'type' does nothing beside '$ref'", ""},
      {R"({"$schema": "https://json-schema.org/draft/2030-01/schema"})", "no such draft", "2020-12"},
      {R"({"$schema": 3})", "no such draft", ""},
      {R"({"format": "ipv5"})", "ipv5", ""},
  };
  for (const auto& one : all) {
    auto s = JsonSchema::create("s.json", one.schema);
    ASSERT_FALSE(s) << one.schema;
    EXPECT_TRUE(s.error().what.contains(one.what)) << s.error().str();
    EXPECT_TRUE(s.error().hint.contains(one.hint)) << s.error().str();
  }
  EXPECT_TRUE(
      faults(R"({"x-owner": 1, "$comment": "c", "default": {"propertes": 1}, "enum": [{"maximun": 1}]})",
             R"({"maximun": 1})")
          .empty());
  EXPECT_EQ(faults(R"({"format": "ipv4"})", "\"1.2.3\"").size(), 1u);
}

TEST(JsonSchemas, that_are_none_or_lie_elsewhere_are_refused) {
  for (const char* text :
       {"{", "3", R"({"minimum": "x"})", R"({"pattern": "("})", R"({"$ref": "other.json"})",
        R"({"$ref": "file:///etc/passwd"})", R"({"$ref": "http://127.0.0.1:1/x"})"}) {
    auto s = JsonSchema::create("s.json", text);
    ASSERT_FALSE(s) << text;
    EXPECT_TRUE(s.error().where.starts_with("s.json")) << s.error().str();
  }
}

}  // namespace
}  // namespace lemmy::tmpl
