#include "ansible/sample_test.h"

namespace lemmy::ansible {
namespace {

TEST_F(Sample, a_run_changes_hosts_and_says_so_of_each) {
  auto r = run(plan("change",
                    "    - {name: Touch, copy: {content: '{{ lemmy.build.sha }}', dest: '" + root +
                        "/{{ inventory_hostname }}'}}\n"
                        "    - {name: Look, debug: {msg: fine}}\n",
                    "project_demo:&environment_staging"));
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->exit_code, 0);
  EXPECT_TRUE(progress->finished());
  ASSERT_EQ(progress->hosts().size(), 2u);
  EXPECT_EQ(name(host("one").state), "changed");
  EXPECT_EQ(host("two").ok, 2);
  EXPECT_EQ(host("two").changed, 1);
  EXPECT_TRUE(host("two").done);
  EXPECT_EQ(read_file(root + "/one").value_or(""), "abcdef1");
  EXPECT_FALSE(progress->first_failure());
  EXPECT_GE(changes, 2);
}

}  // namespace
}  // namespace lemmy::ansible
