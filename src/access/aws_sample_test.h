#pragma once
// A good document of AWS, and what is needed to make others.
#include "access/sample_test.h"

namespace lemmy::access::sample {

inline const std::string kDocument = R"({
  "accountId" : "123456789012",
  "architecture" : "x86_64",
  "availabilityZone" : "eu-west-1a",
  "billingProducts" : null,
  "imageId" : "ami-0123456789abcdef0",
  "instanceId" : "i-0123456789abcdef0",
  "instanceType" : "m5.large",
  "pendingTime" : "2026-11-24T11:58:00Z",
  "privateIp" : "10.0.0.7",
  "region" : "eu-west-1",
  "version" : "2017-09-30"
})";
inline const std::string kName = "aws 123456789012/eu-west-1";

inline std::string with(const std::string& key, const std::string& value) {
  size_t at = kDocument.find(": ", kDocument.find("\"" + key + "\"")) + 2;
  return std::string(kDocument).replace(at, kDocument.find_first_of(",\n", at) - at, "\"" + value + "\"");
}

struct Aws : testing::Test {
  Folder folder;
  config::Access access;
  InstanceKeys keys;
  // As AWS has them: 1024 bits for `signature`, 2048 for `rsa2048`.
  EVP_PKEY *old_key = rsa(1, 1024), *key = rsa(1), *foreign_key = rsa(2);
  CertificatePtr old_one = certificate(old_key, 1), pinned = certificate(key, 2),
                 foreign = certificate(foreign_key, 2);  // with the issuer and serial of ours

  void SetUp() override {
    access.aws = config::AwsIdentity{.accounts = {"210987654321", "123456789012"}, .regions = {"eu-west-1"}};
    read(pem(old_one.get()) + "# the next one\n" + pem(pinned.get()));
    ASSERT_TRUE(keys.problems.empty()) << keys.problems[0].str();
  }
  void read(const std::string& pems) {
    access.aws->certificates = {folder.put("aws.pem", pems)};
    keys = read_instance_keys(access, kNow);
  }
  InstanceRequest request() const {
    return {{"web", "production"}, "i-0123456789abcdef0", "10.0.0.7", "", "", "", ""};
  }
  InstanceRequest with_pkcs7(const std::string& base64) const {
    InstanceRequest r = request();
    r.pkcs7 = base64;
    return r;
  }
  InstanceRequest with_signature(const std::string& document, const std::string& signature) const {
    InstanceRequest r = request();
    r.document = document;
    r.signature = to_base64(signature);
    return r;
  }
  InstanceRequest good(const std::string& document = kDocument) const {
    return with_pkcs7(pkcs7(document, pinned.get(), key));
  }
  Result<InstanceCaller> verify(const InstanceRequest& r, Time at = kNow) const {
    return verify_instance(access, keys, r, at);
  }
  void refused(const InstanceRequest& r, const std::string& what) const {
    EXPECT_EQ(said(verify(r)), "unauthorized: " + what);
  }
  void unwanted(const InstanceRequest& r, const std::string& what) const {
    EXPECT_EQ(said(verify(r)), "forbidden: " + what);
  }
};

}  // namespace lemmy::access::sample
