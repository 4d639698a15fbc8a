// access.yaml instances.
#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/files.h"
#include "config/config.h"
#include "config/sample_test.h"

namespace lemmy::config {
namespace {

using Strings = std::vector<std::string>;

const std::string kHash(64, 'a');

struct Instances : Sample {
  // The problems of this text under `instances:`, without the name of the file.
  Strings problems(const std::string& text) {
    EXPECT_TRUE(write_file(dir / "access.yaml", "instances:\n" + text));
    Strings out;
    if (auto c = load(dir); !c)
      for (const Error& e : c.error()) out.push_back(e.str().substr(std::string("access.yaml:").size()));
    return out;
  }
  std::string problem(const std::string& text) {
    Strings all = problems(text);
    return all.size() == 1 ? all[0]
                           : std::to_string(all.size()) + " problems" + (all.empty() ? "" : ": " + all[0]);
  }
  std::string token(const std::string& project, const std::string& environment,
                    const std::string& hash = kHash) {
    return problem("  tokens:\n    web: {project: " + project + ", environment: " + environment +
                   ", token_hash: " + hash + "}\n");
  }
  std::string aws(const std::string& more, const std::string& accounts = "[\"123456789012\"]") {
    return problem("  aws: {accounts: " + accounts + ", certificates: [a.pem]" + more + "}\n");
  }
  std::string gce(const std::string& more, const std::string& projects = "[my-project]") {
    return problem("  gce: {google_projects: " + projects + ", audience: x, keys_file: k.json" + more +
                   "}\n");
  }
};

TEST_F(Instances, the_example_has_one_of_each) {
  auto c = load(dir);
  ASSERT_TRUE(c) << c.error()[0].str();
  const Access& a = (*c)->access;
  ASSERT_EQ(a.instance_tokens.size(), 1u);
  EXPECT_EQ(a.instance_tokens[0].project, "user-service");
  EXPECT_EQ(a.instance_tokens[0].environment, "staging");
  ASSERT_TRUE(a.aws && a.gce);
  EXPECT_EQ(a.aws->accounts, Strings{"123456789012"});
  EXPECT_EQ(a.aws->certificates, Strings{(dir / "../certificates/aws-eu-west-1.pem").lexically_normal()});
  EXPECT_EQ(a.gce->keys_file, (dir / "../secrets/google-keys.json").lexically_normal());
  const AwsIdentity usual;
  EXPECT_EQ(a.aws->check_address, usual.check_address);
  EXPECT_EQ(a.aws->max_age, usual.max_age);
}

TEST_F(Instances, without_the_section_nothing_is_taken) {
  for (const char* text : {"", "instances:\n", "instances: {}\n", "instances: {tokens: {}, aws: null}\n"}) {
    auto a = parse_access(text, "access.yaml");
    ASSERT_TRUE(a) << text;
    EXPECT_TRUE(a->instance_tokens.empty() && !a->aws && !a->gce) << text;
  }
}

TEST_F(Instances, misspelt_keys_are_told) {
  EXPECT_EQ(problem("  token: {}\n"), "2:3 instances.token: unknown key 'token' (did you mean 'tokens'?)");
  EXPECT_EQ(aws(", region: [eu-west-1]"),
            "2:60 instances.aws.region: unknown key 'region' (did you mean 'regions'?)");
  EXPECT_EQ(gce(", project: [a]"),
            "2:72 instances.gce.project: unknown key 'project' (did you mean 'projects'?)");
  EXPECT_EQ(problem("  tokens: {web: {project: hello-world, environment: staging, hash: x, token_hash: " +
                    kHash + "}}\n")
                .substr(0, 60),
            "2:62 instances.tokens.web.hash: unknown key 'hash' (known ar");
  EXPECT_EQ(problem("  aws: [x]\n"), "2:8 instances.aws: a mapping (key: value) is expected here");
}

TEST_F(Instances, a_token_is_for_a_target_that_there_is) {
  EXPECT_EQ(token("hello-world", "staging"), "0 problems");
  EXPECT_EQ(
      token("hello-wrld", "staging"),
      "3:20 instances.tokens.web.project: there is no project 'hello-wrld' (did you mean 'hello-world'?)");
  EXPECT_EQ(token("hello-world", "stagin"),
            "3:46 instances.tokens.web.environment: hello-world has no environment 'stagin' (did you mean "
            "'staging'?)");
  EXPECT_NE(token("hello-world", "No").find("instances.tokens.web.environment"), std::string::npos);
  EXPECT_NE(token("Hello", "staging").find("instances.tokens.web.project"), std::string::npos);
  EXPECT_EQ(token("hello-world", "staging", "abc"),
            "3:67 instances.tokens.web.token_hash: this is not a SHA-256 hash: 64 lower-case hex digits are "
            "expected (`lemmy token add` makes one)");
  EXPECT_EQ(problems("  tokens:\n    web: {}\n").size(), 3u);
  EXPECT_NE(problem("  tokens:\n    'a b': {project: hello-world, environment: staging, token_hash: " +
                    kHash + "}\n")
                .find("'a b' is not a name"),
            std::string::npos);
}

TEST_F(Instances, accounts_regions_and_ages_of_aws_are_checked) {
  EXPECT_EQ(aws(", regions: [eu-west-1, us-gov-east-1], max_age: 24h, check_address: false, projects: "
                "[hello-world]"),
            "0 problems");
  EXPECT_EQ(aws("", "[123]"),
            "2:19 instances.aws.accounts: '123' is not an AWS account (12 digits, in quotation marks)");
  EXPECT_EQ(aws("", "[12345678901x]").substr(0, 64),
            "2:19 instances.aws.accounts: '12345678901x' is not an AWS accoun");
  EXPECT_EQ(aws("", "[]"),
            "2:19 instances.aws.accounts: the list is empty (the accounts whose instances may ask)");
  EXPECT_EQ(aws(", regions: [ireland]"),
            "2:69 instances.aws.regions: 'ireland' is not an AWS region (such as eu-west-1)");
  EXPECT_EQ(aws(", regions: ['']"),
            "2:69 instances.aws.regions: '' is not an AWS region (such as eu-west-1)");
  EXPECT_EQ(aws(", regions: []"),
            "2:69 instances.aws.regions: the list is empty (leave it out to allow all regions)");
  EXPECT_EQ(aws(", max_age: 1s"), "2:69 instances.aws.max_age: a duration from 1 min to 366 d is expected");
  EXPECT_EQ(aws(", check_address: nope"), "2:75 instances.aws.check_address: true or false is expected");
  EXPECT_EQ(aws(", projects: [hello-wrld]").substr(0, 66),
            "2:70 instances.aws.projects: there is no project 'hello-wrld' (did");
  EXPECT_EQ(problems("  aws: {}\n").size(), 2u);
  EXPECT_EQ(problem("  aws: {accounts: [\"123456789012\"], certificates: ['']}\n"),
            "2:51 instances.aws.certificates: '' is not a file");
}

TEST_F(Instances, projects_audience_and_keys_of_gce_are_checked) {
  EXPECT_EQ(gce(", projects: [hello-world]", "[my-project, 'example.com:old-project']"), "0 problems");
  EXPECT_EQ(gce("", "[1234567890]").substr(0, 70),
            "2:26 instances.gce.google_projects: '1234567890' is not the id of a Go");
  EXPECT_EQ(problems("  gce: {}\n").size(), 3u);
  EXPECT_EQ(problem("  gce: {google_projects: [my-project], audience: '', keys_file: k}\n").substr(0, 56),
            "2:50 instances.gce.audience: the audience is missing (wh");
}

}  // namespace
}  // namespace lemmy::config
