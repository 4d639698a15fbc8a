#include "access/aws_sample_test.h"

namespace lemmy::access {
namespace {

using namespace sample;

TEST_F(Aws, the_rsa2048_document_proves_the_instance) {
  auto caller = verify(good());
  ASSERT_TRUE(caller) << caller.error().str();
  EXPECT_EQ(caller->name, kName);
  EXPECT_TRUE(caller->proven);
  EXPECT_EQ(caller->address, "10.0.0.7");
  EXPECT_EQ(caller->once.size(), 64u);
  EXPECT_EQ(caller->launched_at, parse_time("2026-11-24T11:58:00Z"));
}

TEST_F(Aws, the_pkcs7_with_dsa_and_sha1_does_too) {
  KeyPtr old_kind = dsa();
  ASSERT_TRUE(old_kind);
  CertificatePtr c = certificate(old_kind.get(), 3);
  read(pem(pinned.get()) + pem(c.get()));
  std::string proof = pkcs7(kDocument, c.get(), old_kind.get(), PKCS7_NOCERTS, EVP_sha1());
  EXPECT_EQ(said(verify(with_pkcs7(proof))), kName);
  refused(with_signature(kDocument, sign(old_kind.get(), kDocument)),
          "the signature does not fit the document and a certificate of access.yaml");
}

TEST_F(Aws, a_pkcs7_in_ber_as_aws_writes_it_is_read) {
  BioPtr in(BIO_new_mem_buf(kDocument.data(), static_cast<int>(kDocument.size()))), out(BIO_new(BIO_s_mem()));
  const int flags = PKCS7_BINARY | PKCS7_NOCERTS | PKCS7_STREAM;
  std::unique_ptr<PKCS7, Free<PKCS7_free>> p7(PKCS7_sign(pinned.get(), key, nullptr, in.get(), flags));
  i2d_PKCS7_bio_stream(out.get(), p7.get(), in.get(), flags);
  const std::string ber = text_of(out.get());
  ASSERT_TRUE(ber.starts_with("\x30\x80")) << "of indefinite length";
  EXPECT_EQ(said(verify(with_pkcs7(to_base64(ber)))), kName);
}

TEST_F(Aws, a_document_with_its_signature_does_too_plain_or_in_base64) {
  const std::string signature = sign(old_key, kDocument);
  EXPECT_EQ(said(verify(with_signature(kDocument, signature))), kName);
  EXPECT_EQ(said(verify(with_signature(to_base64(kDocument), signature))), kName);
  InstanceRequest wrapped = with_signature(kDocument, signature);
  wrapped.signature.insert(76, "\n");
  EXPECT_EQ(said(verify(wrapped)), kName) << "as AWS serves it";
}

TEST_F(Aws, one_changed_byte_of_the_document_is_refused) {
  const std::string signature = sign(old_key, kDocument);
  for (size_t i = 0; i < kDocument.size(); i += 7) {
    std::string changed = kDocument;
    changed[i] ^= 1;
    EXPECT_EQ(verify(with_signature(changed, signature)).error().code, ErrorCode::unauthorized) << i;
  }
  refused(with_signature(kDocument + "\n", signature),
          "the signature does not fit the document and a certificate of access.yaml");
}

TEST_F(Aws, what_another_key_signed_is_refused) {
  const std::string what = "the PKCS#7 is not signed by a certificate of access.yaml";
  refused(with_pkcs7(pkcs7(kDocument, foreign.get(), foreign_key)), what);
  refused(with_pkcs7(pkcs7(kDocument, foreign.get(), foreign_key, 0)), what);  // brings its certificate along
  refused(with_pkcs7(pkcs7(kDocument, foreign.get(), foreign_key, 0, EVP_sha256(), pinned.get())), what);
  refused(with_signature(kDocument, sign(foreign_key, kDocument)),
          "the signature does not fit the document and a certificate of access.yaml");
  refused(with_signature(kDocument, sign(key, kDocument, EVP_sha1())),
          "the signature does not fit the document and a certificate of access.yaml");
}

TEST_F(Aws, a_certificate_that_comes_along_changes_nothing) {
  EXPECT_EQ(said(verify(
                with_pkcs7(pkcs7(kDocument, pinned.get(), key, PKCS7_NOCERTS, EVP_sha256(), foreign.get())))),
            kName);
}

TEST_F(Aws, a_pkcs7_without_signer_or_document_is_refused) {
  refused(with_pkcs7(pkcs7(kDocument, nullptr, nullptr)),
          "the PKCS#7 is not signed by a certificate of access.yaml");
  InstanceRequest detached = with_pkcs7(pkcs7(kDocument, pinned.get(), key, PKCS7_NOCERTS | PKCS7_DETACHED));
  refused(detached, "the PKCS#7 holds no document");
  detached.document = kDocument;
  refused(detached, "the PKCS#7 holds no document");
}

TEST_F(Aws, a_second_signer_that_is_not_ours_spoils_it) {
  BioPtr in(BIO_new_mem_buf(kDocument.data(), static_cast<int>(kDocument.size())));
  const int flags = PKCS7_BINARY | PKCS7_NOCERTS;
  CertificatePtr other = certificate(foreign_key, 9);
  std::unique_ptr<PKCS7, Free<PKCS7_free>> p7(
      PKCS7_sign(nullptr, nullptr, nullptr, in.get(), flags | PKCS7_PARTIAL));
  PKCS7_sign_add_signer(p7.get(), pinned.get(), key, EVP_sha256(), flags);
  PKCS7_sign_add_signer(p7.get(), other.get(), foreign_key, EVP_sha256(), flags);
  PKCS7_final(p7.get(), in.get(), flags);
  unsigned char* der = nullptr;
  int size = i2d_PKCS7(p7.get(), &der);
  std::string text(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  refused(with_pkcs7(to_base64(text)), "the PKCS#7 is not signed by a certificate of access.yaml");
}

TEST_F(Aws, a_good_document_of_another_instance_account_region_or_address_is_not_wanted) {
  InstanceRequest r = good();
  r.instance_id = "i-0ffffffffffffffff";
  unwanted(r, "the document is of another instance");
  unwanted(good(with("accountId", "999999999999")), "the document is of an account that may not ask");
  unwanted(good(with("region", "us-east-1")), "the document is of a region that may not ask");
  access.aws->regions.clear();
  EXPECT_EQ(said(verify(good(with("region", "us-east-1")))), "aws 123456789012/us-east-1");
  r = good();
  r.remote = "10.0.0.8";
  unwanted(r, "the call does not come from the document's address");
  r.remote = "";
  unwanted(r, "the call does not come from the document's address");
  unwanted(good(with("privateIp", "")), "the call does not come from the document's address");
  access.aws->check_address = false;
  EXPECT_TRUE(verify(r));
}

TEST_F(Aws, an_ipv4_address_in_ipv6_is_the_same) {
  InstanceRequest r = good();
  for (const char* same : {"::ffff:10.0.0.7", "::FFFF:0a00:0007"}) {
    r.remote = same;
    EXPECT_EQ(said(verify(r)), kName);
  }
  for (const char* other : {"::10.0.0.7", "64:ff9b::10.0.0.7", "10.0.0.7:80", "010.0.0.7"}) {
    r.remote = other;
    EXPECT_FALSE(verify(r)) << other;
  }
}

TEST_F(Aws, an_old_document_or_one_from_the_future_is_not_wanted) {
  const Time launched = *parse_time("2026-11-24T11:58:00Z");
  using namespace std::chrono;
  EXPECT_TRUE(verify(good(), launched + hours{1}));
  EXPECT_EQ(said(verify(good(), launched + hours{1} + seconds{1})),
            "forbidden: the instance was launched too long ago");
  EXPECT_TRUE(verify(good(), launched - minutes{5}));
  EXPECT_EQ(said(verify(good(), launched - minutes{5} - seconds{1})),
            "forbidden: the document is from the future");
  access.aws->max_age = hours{24};
  EXPECT_TRUE(verify(good(), launched + hours{24}));
}

TEST_F(Aws, only_targets_of_its_projects_may_be_asked_for) {
  access.aws->projects = {"api"};
  unwanted(good(), "these instances may not ask for web");
  access.aws->projects = {"api", "web"};
  EXPECT_TRUE(verify(good()));
}

TEST_F(Aws, what_is_signed_but_is_no_document_is_refused) {
  refused(good("[]"), "the document is not JSON");
  refused(good("{\"a\": "), "the document is not JSON");
  refused(good(std::string(1000, '[')), "the document is not JSON");
  refused(good("{}"), "the document is of another kind");
  refused(good(with("pendingTime", "yesterday")), "the document is of another kind");
}

TEST_F(Aws, the_replay_id_is_of_the_document_and_the_target_however_it_is_written) {
  const std::string once = verify(good())->once;
  EXPECT_EQ(verify(good())->once, once);
  EXPECT_EQ(verify(good(), kNow + seconds{60})->once, once);
  EXPECT_EQ(verify(with_signature(kDocument, sign(old_key, kDocument)))->once, once);
  InstanceRequest r = good();
  r.pkcs7.insert(40, "\r\n");
  EXPECT_EQ(verify(r)->once, once);
  r.target.environment = "staging";
  EXPECT_NE(verify(r)->once, once);
  EXPECT_NE(verify(good(with("pendingTime", "2026-11-24T11:59:00Z")))->once, once);
}

}  // namespace
}  // namespace lemmy::access
