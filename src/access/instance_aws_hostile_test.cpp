// What nobody means to send.
#include <random>

#include "access/aws_sample_test.h"

namespace lemmy::access {
namespace {

using namespace sample;
using HostileAws = Aws;

TEST_F(HostileAws, garbage_and_huge_input_is_refused) {
  const std::string no_base64 = "the PKCS#7 is not base64", unreadable = "the PKCS#7 cannot be read";
  refused(with_pkcs7("-----BEGIN PKCS7-----"), no_base64);
  refused(with_pkcs7("===="), no_base64);
  refused(with_pkcs7(" "), no_base64);
  refused(with_pkcs7(to_base64("garbage")), unreadable);
  refused(with_pkcs7(to_base64(std::string("\x30\x80\x00\x00", 4))), unreadable);
  refused(with_pkcs7(to_base64(*from_base64(good().pkcs7) + "x")), unreadable);
  refused(with_pkcs7(std::string(40 << 10, 'A')), "the PKCS#7 is too long");
  refused(with_signature(std::string(40 << 10, '{'), "x"), "the document is too long");
  refused(with_signature("*", "x"), "the document or its signature is not base64");
  refused(with_signature(kDocument, std::string(8 << 10, 'x')), "the signature is too long");
  std::string long_one = "{" + std::string(17 << 10, ' ') + kDocument.substr(1);
  refused(with_signature(long_one, sign(key, long_one)), "the document is too long");
  refused(good(long_one), "the document is too long");
}

TEST_F(HostileAws, half_a_proof_is_told_what_is_missing) {
  InstanceRequest r = request();
  r.document = kDocument;
  refused(r, "the document comes without a signature");
  r = request();
  r.signature = "AAAA";
  refused(r, "the signature comes without its document");
  r = good();
  r.signature = "AAAA";
  refused(r, "the call has more than one proof");
  r = good();
  r.authorization = "Bearer x";
  refused(r, "the call has more than one proof");
  access.aws.reset();
  refused(good(), "identity documents of AWS are not taken here");
}

TEST_F(HostileAws, files_that_cannot_be_used_are_told_and_the_others_work) {
  CertificatePtr over = certificate(key, 2, -1);
  read(pem(over.get()));
  ASSERT_EQ(keys.problems.size(), 1u);
  EXPECT_NE(keys.problems[0].str().find("certificate 1 of the file (/O=Sample Web Services) is over"),
            std::string::npos)
      << keys.problems[0].str();
  EXPECT_TRUE(verify(good())) << "it still counts";
  std::string broken = pem(old_one.get());
  broken[200] = '!';
  access.aws->certificates = {folder.put("none.pem", "nothing"), folder.put("broken.pem", broken),
                              (folder.path / "absent.pem").string(),
                              folder.put("huge.pem", std::string(300 << 10, '\n')),
                              folder.put("good.pem", pem(pinned.get()))};
  keys = read_instance_keys(access, kNow);
  std::string all;
  for (const Error& e : keys.problems) all += e.str() + "\n";
  for (const char* part : {"there is no certificate in the file", "certificate 1 of the file cannot be read",
                           "absent.pem cannot be read", "huge.pem cannot be read"})
    EXPECT_NE(all.find(part), std::string::npos) << part << "\n" << all;
  EXPECT_TRUE(verify(good()));
  EXPECT_EQ(said(verify_instance(access, {}, good(), kNow)),
            "unauthorized: the PKCS#7 is not signed by a certificate of access.yaml");
}

TEST_F(HostileAws, mutated_proofs_never_say_anything_else) {
  const std::string der = *from_base64(good().pkcs7), signature = sign(key, kDocument),
                    once = verify(good())->once;
  std::mt19937 random(1);
  auto mutate = [&](std::string text) {
    for (unsigned n = 1 + random() % 3; n > 0 && !text.empty(); --n) {
      size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text[at] ^= static_cast<char>(1 << random() % 8);
          break;
        case 2:
          text.erase(at, 1 + random() % 20);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 20));
      }
    }
    return text;
  };
  for (int i = 0; i < 4000; ++i) {
    auto r = verify(with_pkcs7(to_base64(mutate(der))));
    EXPECT_TRUE(r ? r->once == once && r->name == kName : r.error().code == ErrorCode::unauthorized) << i;
  }
  for (int i = 0; i < 1000; ++i) {
    std::string document = mutate(kDocument);
    EXPECT_FALSE(document != kDocument && verify(with_signature(document, signature))) << i;
    std::string other = mutate(signature);
    EXPECT_FALSE(other != signature && verify(with_signature(kDocument, other))) << i;
  }
}

}  // namespace
}  // namespace lemmy::access
