// Certificates and JWKS as they stand in files. A file that is bad in one place is still good for the rest.
#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "access/identity.h"
#include "base/files.h"
#include "base/strings.h"

namespace lemmy::access {
namespace {

using BignumPtr = std::unique_ptr<BIGNUM, Free<BN_free>>;
using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using ContextPtr = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;

constexpr size_t kMostKeys = 1000;

struct Reading {
  InstanceKeys::Impl& keys;
  std::vector<Error>& problems;
  std::string where;
  void problem(std::string what, std::string hint = "") {
    problems.push_back({ErrorCode::invalid, where, std::move(what), std::move(hint)});
  }
};

const unsigned char* bytes(std::string_view s) { return reinterpret_cast<const unsigned char*>(s.data()); }

std::string subject(X509* certificate) {
  char text[256] = "";
  X509_NAME_oneline(X509_get_subject_name(certificate), text, sizeof text);
  return valid_utf8(text);
}

void read_certificates(Reading& r, const std::string& text, Time now) {
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  size_t found = 0;
  for (; found < kMostKeys; ++found) {
    ERR_clear_error();
    CertificatePtr one(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!one) {
      if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        r.problem(fmt::format("certificate {} of the file cannot be read", found + 1),
                  "it and those behind it are not used");
      break;
    }
    if (!X509_get0_pubkey(one.get())) {
      r.problem(fmt::format("the key of certificate {} of the file cannot be read", found + 1),
                "it is not used");
      continue;
    }
    // Which certificates count is said by name, so one that is over still does.
    std::time_t at = std::chrono::floor<seconds>(now).time_since_epoch().count();
    if (X509_cmp_time(X509_get0_notAfter(one.get()), &at) < 0)
      r.problem(fmt::format("certificate {} of the file ({}) is over; it is still used", found + 1,
                            subject(one.get())),
                "look whether AWS publishes a newer one");
    r.keys.certificates.push_back(std::move(one));
  }
  if (!found) r.problem("there is no certificate in the file", "-----BEGIN CERTIFICATE----- is expected");
}

KeyPtr rsa_key(std::string_view n, std::string_view e) {
  BignumPtr modulus(BN_bin2bn(bytes(n), static_cast<int>(n.size()), nullptr));
  BignumPtr exponent(BN_bin2bn(bytes(e), static_cast<int>(e.size()), nullptr));
  BuilderPtr builder(OSSL_PARAM_BLD_new());
  if (!modulus || !exponent || !builder || !BN_is_odd(modulus.get()) || !BN_is_odd(exponent.get()) ||
      BN_is_one(exponent.get()) ||
      !OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) ||
      !OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()))
    return nullptr;
  ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  ContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) <= 0)
    return nullptr;
  return KeyPtr(key);
}

void read_jwks(Reading& r, const std::string& text) {
  auto parsed = parse_json(text, "the file", 16);
  if (!parsed) return r.problem(parsed.error().str());
  const json::value* list = find(*parsed, {"keys"});
  if (!list || !list->is_array())
    return r.problem("this is not a JWKS", R"(an object {"keys": [...]} is expected)");
  for (const json::value& value : list->get_array()) {
    const json::object* k = value.if_object();
    // Keys for other uses may stand there too.
    if (!k || text_or(*k, "kty") != "RSA" || text_or(*k, "alg", "RS256") != "RS256" ||
        text_or(*k, "use", "sig") != "sig" || text_or(*k, "kid").empty())
      continue;
    const std::string kid(text_or(*k, "kid"));
    auto n = from_base64url(text_or(*k, "n")), e = from_base64url(text_or(*k, "e"));
    // 2048 to 8192 bits: shorter keys are weak, and longer ones take long.
    KeyPtr key = n && e && n->size() >= 256 && n->size() <= 1024 && !e->empty() && e->size() <= 8
                     ? rsa_key(*n, *e)
                     : nullptr;
    if (!key || EVP_PKEY_get_bits(key.get()) < 2048)
      r.problem(fmt::format("the key '{}' cannot be used", shorten(valid_utf8(kid), 80)),
                "RSA of 2048 to 8192 bits is expected");
    else if (r.keys.by_kid.size() >= kMostKeys || !r.keys.by_kid.try_emplace(kid, std::move(key)).second)
      r.problem(fmt::format("the key '{}' stands there twice, or there are too many",
                            shorten(valid_utf8(kid), 80)));
  }
  if (r.keys.by_kid.empty()) r.problem("there is no key for RS256 in the file");
}

// Gives nothing when it cannot be read, which is then a problem.
std::optional<std::string> text_of(Reading& r, const std::string& file) {
  auto text = read_file(file, kLargestKeyFile);
  if (text) return std::move(*text);
  r.problem(fmt::format("{} cannot be read: {}", file, text.error().what));
  return std::nullopt;
}

}  // namespace

NoErrorsLeft::NoErrorsLeft() { ERR_clear_error(); }
NoErrorsLeft::~NoErrorsLeft() { ERR_clear_error(); }

bool rsa_sha256_holds(EVP_PKEY* key, std::string_view message, std::string_view signature) {
  if (!EVP_PKEY_is_a(key, "RSA")) return false;
  std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(message),
                          message.size()) == 1;
}

InstanceKeys read_instance_keys(const config::Access& access, Time now) {
  NoErrorsLeft guard;
  InstanceKeys out;
  auto keys = std::make_shared<InstanceKeys::Impl>();
  if (access.aws)
    for (const std::string& file : access.aws->certificates) {
      Reading r{*keys, out.problems, "access.yaml instances.aws.certificates " + file};
      if (auto text = text_of(r, file)) read_certificates(r, *text, now);
    }
  if (access.gce) {
    Reading r{*keys, out.problems, "access.yaml instances.gce.keys_file"};
    if (auto text = text_of(r, access.gce->keys_file)) read_jwks(r, *text);
  }
  out.impl = std::move(keys);
  return out;
}

}  // namespace lemmy::access
