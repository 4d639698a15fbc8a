#include <gmock/gmock.h>

#include "ansible/run.h"

namespace lemmy::ansible {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Inventory, hosts_come_with_what_they_are_recognised_by) {
  auto hosts = read_inventory(R"({
    "_meta": {"hostvars": {
      "web-1": {"ansible_host": "10.0.0.1", "instance_id": "i-1", "secret": "x"},
      "gce-1": {"id": 123456789012345678, "private_ip": "10.0.0.2", "public_ip": ""}}},
    "all": {"children": ["ungrouped", "cloud", "project_web"]},
    "cloud": {"children": ["gce"]}, "gce": {"hosts": ["gce-1"]},
    "project_web": {"hosts": ["web-1", "gce-1", "bare"]}})");
  ASSERT_TRUE(hosts) << hosts.error().str();
  ASSERT_EQ(hosts->size(), 3u);
  EXPECT_EQ((*hosts)[0].name, "bare");
  EXPECT_THAT((*hosts)[0].ids, IsEmpty());
  EXPECT_THAT((*hosts)[1].ids, ElementsAre("123456789012345678"));
  EXPECT_THAT((*hosts)[1].addresses, ElementsAre("10.0.0.2"));
  EXPECT_THAT((*hosts)[2].ids, ElementsAre("i-1"));
  EXPECT_THAT((*hosts)[2].addresses, ElementsAre("10.0.0.1"));
}

TEST(Inventory, groups_that_hold_each_other_end) {
  auto hosts = read_inventory(
      R"({"all": {"children": ["a"]}, "a": {"children": ["b", "none", 7]}, "b": {"children": ["a"], "hosts": ["h"]}})");
  ASSERT_TRUE(hosts);
  EXPECT_EQ(hosts->size(), 1u);
}

TEST(Inventory, what_is_no_inventory_is_an_error) {
  EXPECT_FALSE(read_inventory("[]"));
  EXPECT_FALSE(read_inventory("ERROR!"));
  EXPECT_TRUE(read_inventory("{}")->empty());
}

}  // namespace
}  // namespace lemmy::ansible
