#include <gmock/gmock.h>

#include "base/strings.h"
#include "hooks/instance_call.h"

namespace lemmy::hooks {
namespace {

using testing::HasSubstr;
using testing::Not;

net::Request request(std::string body, std::string type = "application/json") {
  net::Request r;
  r.method = "POST";
  r.path = "/hooks/instance";
  r.remote = "10.0.0.7";
  r.headers.emplace("Content-Type", std::move(type));
  r.body = std::move(body);
  return r;
}

void expect_whole(const net::Request& r) {
  auto f = read_instance_call(r, from_millis(5));
  ASSERT_TRUE(f) << f.error().str();
  EXPECT_EQ(f->call.target, (Target{"web", "staging"}));
  EXPECT_EQ(f->call.id, "i-1");
  EXPECT_EQ(f->call.at, from_millis(5));
}

TEST(InstanceCallFields, json_form_and_query_are_alike) {
  expect_whole(request(R"({"project": "web", "environment": "staging", "instance_id": "i-1"})"));
  expect_whole(request(R"({"project": "web", "environment": "staging", "instance-id": " i-1 "})"));
  expect_whole(
      request("project=web&environment=staging&instance-id=i-1", "application/x-www-form-urlencoded"));
  auto r = request("", "application/x-www-form-urlencoded");
  r.query = {{"project", "web"}, {"environment", "staging"}, {"instance_id", "i-1"}};
  expect_whole(r);
  r = request("instance_id=i-1", "application/x-www-form-urlencoded");
  r.query = {{"project", "web"}, {"environment", "staging"}, {"instance_id", "i-2"}};
  expect_whole(r);  // the body goes first
}

TEST(InstanceCallFields, the_address_is_what_is_said_or_where_the_call_comes_from) {
  auto f = read_instance_call(request(R"({"project": "web", "environment": "s", "instance_id": "i"})"), {});
  EXPECT_EQ(f->call.address, "10.0.0.7");
  f = read_instance_call(
      request(R"({"project": "web", "environment": "s", "instance_id": "i", "address": "fe80::1"})"), {});
  EXPECT_EQ(f->call.address, "fe80::1");
}

TEST(InstanceCallFields, what_is_missing_or_wrong_is_named) {
  for (auto [body, where] :
       {std::pair{R"({"environment": "s", "instance_id": "i"})", "project"},
        {R"({"project": "w", "instance_id": "i"})", "environment"},
        {R"({"project": "w", "environment": "s"})", "instance_id"},
        {R"({"project": "w", "environment": "s", "instance_id": 7})", "instance_id"},
        {R"({"project": "w", "environment": "s", "instance_id": "i", "aws_document": "!"})", "aws_document"},
        {"nonsense", "body"}}) {
    auto f = read_instance_call(request(body), {});
    ASSERT_TRUE(!f || f->missing) << body;
    EXPECT_THAT((f ? *f->missing : f.error()).where, HasSubstr(where));
  }
}

TEST(InstanceCallFields, proofs_come_in_body_or_headers_and_are_not_in_the_ledger) {
  auto r = request(
      R"({"project": "web", "environment": "staging", "instance_id": "i-1", "aws_pkcs7": "QUJD\nREVG"})");
  r.headers.emplace("X-Lemmy-Aws-Document", to_base64("{}"));
  r.headers.emplace("X-Lemmy-Aws-Signature", "c2ln");
  auto f = read_instance_call(r, {});
  ASSERT_TRUE(f);
  EXPECT_EQ(f->proof.pkcs7, "QUJDREVG");
  EXPECT_EQ(f->proof.document, "{}");
  EXPECT_EQ(f->proof.signature, "c2ln");
  EXPECT_THAT(f->for_ledger, Not(HasSubstr("QUJD")));
  EXPECT_THAT(f->for_ledger, HasSubstr("i-1"));
}

TEST(InstanceCallFields, a_proof_without_end_is_refused) {
  auto r = request(R"({"project": "web", "environment": "s", "instance_id": "i", "aws_pkcs7": ")" +
                   std::string(50'000, 'A') + "\"}");
  EXPECT_THAT(read_instance_call(r, {}).error().where, HasSubstr("aws_pkcs7"));
}

}  // namespace
}  // namespace lemmy::hooks
