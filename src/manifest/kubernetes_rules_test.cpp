#include "manifest/kubernetes_rules.h"

#include <gtest/gtest.h>

namespace lemmy::manifest {
namespace {

TEST(KubernetesRules, keys_and_labels_are_those_that_the_api_server_takes) {
  for (const char* good : {"app", "example.com/team", "app.kubernetes.io/part-of", "A_b.C-1"})
    EXPECT_FALSE(wrong_key(good)) << good;
  for (const char* bad : {"", "/x", "example.com/", "Example.com/x", "a b", "-a", "a/b/c", "a_"})
    EXPECT_TRUE(wrong_key(bad)) << bad;
  EXPECT_TRUE(wrong_key(std::string(64, 'a')));
  for (const char* good : {"", "a", "release-1.2_3"}) EXPECT_FALSE(wrong_label_value(good)) << good;
  for (const char* bad : {"feature/x", "two words", "-a", "a.", "\xc3\xa4"})
    EXPECT_TRUE(wrong_label_value(bad)) << bad;
  EXPECT_EQ(wrong_label_value(std::string(71, 'a'))->what, "it has 71 characters, and a label at most 63");
}

TEST(KubernetesRules, references_of_variables_are_found_as_kubernetes_finds_them) {
  using All = std::vector<std::string_view>;
  EXPECT_EQ(references("a $(B) $$(C) $(D"), (All{"B"}));
  EXPECT_EQ(references("$(A)$(B)"), (All{"A", "B"}));
  EXPECT_EQ(references("$$$(A)"), (All{"A"}));
  EXPECT_EQ(references("$ $A $"), All{});
  EXPECT_EQ(references(""), All{});
}

TEST(KubernetesRules, quantities_are_read_as_kubernetes_reads_them) {
  const std::pair<const char*, double> good[] = {{"1", 1},
                                                 {"500m", 0.5},
                                                 {"128Mi", 134217728},
                                                 {"1.5Gi", 1610612736},
                                                 {"2k", 2000},
                                                 {"1e3", 1000},
                                                 {"1E", 1e18},
                                                 {"+1", 1},
                                                 {"-1", -1},
                                                 {".5", 0.5},
                                                 {"5.", 5},
                                                 {"1Ei", 1152921504606846976.0}};
  for (auto [text, value] : good) EXPECT_DOUBLE_EQ(quantity(text).value_or(-7), value) << text;
  for (const char* bad :
       {"", "x", "1 Gi", "1gi", "1K", "1MiB", "0x10", "inf", "1e", "--1", "1..2", "1e3.5", "."})
    EXPECT_FALSE(quantity(bad)) << bad;
}

TEST(KubernetesRules, quantities_that_nobody_means_are_wrong) {
  EXPECT_EQ(wrong_quantity("memory", "128m")->hint, "did you mean '128Mi'?");
  EXPECT_EQ(wrong_quantity("cpu", "500M")->hint, "did you mean '500m'?");
  EXPECT_TRUE(wrong_quantity("memory", "1.5"));
  EXPECT_TRUE(wrong_quantity("memory", "-1"));
  EXPECT_TRUE(wrong_quantity("cpu", "many"));
  for (auto [resource, text] : {std::pair{"memory", "128M"},
                                {"cpu", "0.5"},
                                {"cpu", "96"},
                                {"nvidia.com/gpu", "1"},
                                {"memory", "1.5Gi"},
                                {"memory", "1.2Gi"},
                                {"memory", "8.2G"},
                                {"memory", "0"}})
    EXPECT_FALSE(wrong_quantity(resource, text)) << text;
}

}  // namespace
}  // namespace lemmy::manifest
