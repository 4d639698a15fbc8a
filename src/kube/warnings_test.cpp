#include "kube/warnings.h"

#include <gmock/gmock.h>

namespace lemmy::kube {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Warnings, are_the_texts_of_all_headers_each_once) {
  const net::Headers headers{
      {"Content-Type", "application/json"},
      {"Warning", R"(299 - "would violate PodSecurity \"restricted:latest\": a \\ b")"},
      {"warning", R"(299 - "v1 is deprecated", 299 server "two, in one" "Mon, 30 Nov")"},
      {"Warning", R"(299 - "v1 is deprecated")"}};
  EXPECT_THAT(warnings_in(headers), ElementsAre(R"(would violate PodSecurity "restricted:latest": a \ b)",
                                                "v1 is deprecated", "two, in one"));
}

TEST(Warnings, of_other_codes_and_what_is_no_proper_header_are_passed_over) {
  for (const char* odd : {"", "299", "299 -", "299 - ", "299 - text", R"(299 - ")", R"(299 - "text)",
                          R"(299 - "text\)", R"(299 - "")", R"(199 - "stale")", ",,,", R"(")"})
    EXPECT_THAT(warnings_in({{"Warning", odd}}), IsEmpty()) << odd;
}

TEST(Warnings, are_bounded_in_number_and_length) {
  net::Headers headers;
  for (int i = 0; i < 100; ++i)
    headers.emplace("Warning", "299 - \"" + std::to_string(i) + std::string(10'000, 'x') + "\"");
  const auto all = warnings_in(headers);
  EXPECT_EQ(all.size(), 50u);
  EXPECT_LE(all.front().size(), 2100u);
}

}  // namespace
}  // namespace lemmy::kube
