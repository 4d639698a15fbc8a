#include "kube/rights.h"

#include <gtest/gtest.h>

namespace lemmy::kube {
namespace {

json::object rules(std::string_view text) {
  return {{"resourceRules", json::array{json::parse(text)}}, {"incomplete", false}};
}
const Right kPatchPods{"", "pods", "patch", ""};

TEST(Rights, are_what_a_rule_says_of_group_resource_and_verb) {
  EXPECT_TRUE(allowed_by(rules(R"({"verbs": ["get", "patch"], "apiGroups": [""], "resources": ["pods"]})"),
                         kPatchPods));
  EXPECT_TRUE(allowed_by(rules(R"({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})"), kPatchPods));
  for (const char* other : {R"({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]})",
                            R"({"verbs": ["patch"], "apiGroups": ["apps"], "resources": ["pods"]})",
                            R"({"verbs": ["patch"], "apiGroups": [""], "resources": ["pods/log"]})"})
    EXPECT_FALSE(allowed_by(rules(other), kPatchPods)) << other;
}

TEST(Rights, for_some_objects_by_name_are_none_for_all) {
  EXPECT_FALSE(allowed_by(
      rules(R"({"verbs": ["*"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["one"]})"),
      kPatchPods));
}

TEST(Rights, are_not_read_from_what_is_no_answer) {
  EXPECT_FALSE(allowed_by({}, kPatchPods));
  EXPECT_FALSE(allowed_by({{"resourceRules", nullptr}}, kPatchPods));
  EXPECT_FALSE(allowed_by({{"resourceRules", json::array{1, "x", json::object{{"verbs", 3}}}}}, kPatchPods));
}

}  // namespace
}  // namespace lemmy::kube
