#include "kube/page.h"

#include <gtest/gtest.h>

namespace lemmy::kube {
namespace {

std::vector<std::string> names;
Result<PageHead> read(std::string_view body) {
  names.clear();
  return read_page(body, "/api/v1/pods", [](const json::object& o) {
    const json::value* name = o.if_contains("name");
    names.push_back(name ? json::serialize(*name) : "");
  });
}

TEST(Page, gives_its_items_one_by_one_and_where_the_list_goes_on) {
  auto head = read(R"( { "kind" : "PodList","metadata":{"resourceVersion":"9","continue":"t+1"},
    "items" : [ {"name":"a","x":{"y":[1,{"z":"}]"}]}} , {"name":"b \"]}, \\"}],"more":[1,2,{}] } )");
  ASSERT_TRUE(head) << head.error().str();
  EXPECT_EQ(*head, (PageHead{"9", "t+1"}));
  EXPECT_EQ(names, (std::vector<std::string>{"\"a\"", R"("b \"]}, \\")"}));
  for (auto empty : {R"({"metadata":{"resourceVersion":"1"},"items":[]})",
                     R"({"items":null,"metadata":{"resourceVersion":"1"}})"}) {
    auto none = read(empty);
    ASSERT_TRUE(none) << empty;
    EXPECT_EQ(none->version, "1");
    EXPECT_TRUE(names.empty());
  }
}

TEST(Page, that_is_no_list_or_is_cut_anywhere_is_refused) {
  const std::string whole = R"({"metadata":{"resourceVersion":"9"},"items":[{"name":"a"},{"name":"b"}]})";
  ASSERT_TRUE(read(whole));
  for (size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(read(whole.substr(0, n))) << n;
  for (auto bad :
       {"<html>", "[]", "{}", R"({"items":[]})", R"({"metadata":{}})", R"({"metadata":{},"items":{}})",
        R"({"metadata":[],"items":[]})", R"({"metadata":{},"items":[1]})",
        R"({"metadata":{},"items":[{"name":}]})", R"({"metadata":{},"items":[{}{}]})"})
    EXPECT_FALSE(read(bad)) << bad;
  const std::string deep = std::string(200, '[') + std::string(200, ']');
  EXPECT_FALSE(read(R"({"metadata":{},"items":[{"name":)" + deep + "}]}"));
}

TEST(Page, of_many_large_items_is_read_whole) {
  std::string body = R"({"metadata":{"resourceVersion":"9"},"items":[)";
  for (int i = 0; i < 300; ++i)
    body += (i ? "," : "") + json::serialize(json::object{{"name", i}, {"text", std::string(100'000, 'x')}});
  ASSERT_TRUE(read(body + "]}"));
  EXPECT_EQ(names.size(), 300u);
  EXPECT_EQ(names.back(), "299");
}

}  // namespace
}  // namespace lemmy::kube
