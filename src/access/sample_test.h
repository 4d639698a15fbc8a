#pragma once
// Keys, certificates and proofs for the tests of verify_instance, made here as the clouds make them.
#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/dsa.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <filesystem>

#include "access/identity.h"
#include "base/crypto.h"
#include "base/files.h"
#include "base/strings.h"

namespace lemmy::access::sample {

inline const Time kNow = *parse_time("2026-11-24T12:00:00Z");

inline const unsigned char* bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

// Making a key takes long; each program makes each once.
inline EVP_PKEY* rsa(int which, unsigned bits = 2048) {
  static std::map<std::pair<int, unsigned>, KeyPtr> keys;
  KeyPtr& key = keys[{which, bits}];
  if (!key) key.reset(EVP_RSA_gen(bits));
  return key.get();
}

inline KeyPtr dsa() {
  using Context = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
  Context making(EVP_PKEY_CTX_new_from_name(nullptr, "DSA", nullptr));
  EVP_PKEY *parameters = nullptr, *key = nullptr;
  EVP_PKEY_paramgen_init(making.get());
  EVP_PKEY_CTX_set_dsa_paramgen_bits(making.get(), 1024);
  EVP_PKEY_paramgen(making.get(), &parameters);
  KeyPtr kept(parameters);
  Context context(EVP_PKEY_CTX_new_from_pkey(nullptr, parameters, nullptr));
  EVP_PKEY_keygen_init(context.get());
  EVP_PKEY_keygen(context.get(), &key);
  return KeyPtr(key);
}

// Self-signed; valid for `days` from `kNow`.
inline CertificatePtr certificate(EVP_PKEY* key, int serial = 1, int days = 365) {
  CertificatePtr c(X509_new());
  ASN1_INTEGER_set(X509_get_serialNumber(c.get()), serial);
  std::time_t at = kNow.time_since_epoch().count() / 1000;
  X509_time_adj_ex(X509_getm_notBefore(c.get()), -1000, 0, &at);
  X509_time_adj_ex(X509_getm_notAfter(c.get()), days, 0, &at);
  X509_set_pubkey(c.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(c.get()), "O", MBSTRING_ASC, bytes("Sample Web Services"),
                             -1, -1, 0);
  X509_set_issuer_name(c.get(), X509_get_subject_name(c.get()));
  X509_sign(c.get(), key, EVP_sha256());
  return c;
}

inline std::string text_of(BIO* bio) {
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

inline std::string pem(X509* c) {
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), c);
  return text_of(out.get());
}

inline std::string sign(EVP_PKEY* key, std::string_view message, const EVP_MD* md = EVP_sha256()) {
  std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  EVP_DigestSignInit(context.get(), nullptr, md, nullptr, key);
  size_t size = 0;
  EVP_DigestSign(context.get(), nullptr, &size, bytes(message), message.size());
  std::string out(size, '\0');
  EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes(message),
                 message.size());
  out.resize(size);
  return out;
}

// Base64 of the DER. Without `signer` nobody signs; `along` is put in beside.
inline std::string pkcs7(std::string_view content, X509* signer, EVP_PKEY* key, int flags = PKCS7_NOCERTS,
                         const EVP_MD* md = EVP_sha256(), X509* along = nullptr) {
  flags |= PKCS7_BINARY;
  BioPtr in(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
  std::unique_ptr<PKCS7, Free<PKCS7_free>> p7(
      PKCS7_sign(nullptr, nullptr, nullptr, in.get(), flags | PKCS7_PARTIAL));
  if (signer) PKCS7_sign_add_signer(p7.get(), signer, key, md, flags);
  if (along) PKCS7_add_certificate(p7.get(), along);
  PKCS7_final(p7.get(), in.get(), flags);
  unsigned char* der = nullptr;
  int size = i2d_PKCS7(p7.get(), &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return to_base64(out);
}

inline std::string base64url(std::string_view raw) {
  std::string out;
  for (char c : to_base64(raw))
    if (c != '=') out += c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

inline std::string number(EVP_PKEY* key, const char* name) {
  BIGNUM* n = nullptr;
  EVP_PKEY_get_bn_param(key, name, &n);
  std::string out(BN_num_bytes(n), '\0');
  BN_bn2bin(n, reinterpret_cast<unsigned char*>(out.data()));
  BN_free(n);
  return out;
}

inline json::object jwk(const std::string& kid, EVP_PKEY* key) {
  return {{"kty", "RSA"},
          {"alg", "RS256"},
          {"use", "sig"},
          {"kid", kid},
          {"n", base64url(number(key, OSSL_PKEY_PARAM_RSA_N))},
          {"e", base64url(number(key, OSSL_PKEY_PARAM_RSA_E))}};
}

struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("lemmy-keys-" + random_hex(6));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string put(const std::string& name, std::string_view text) const {
    EXPECT_TRUE(write_file(path / name, text));
    return (path / name).string();
  }
};

// "forbidden: what", or the caller's name.
inline std::string said(const Result<InstanceCaller>& r) {
  return r ? r->name : std::string(lemmy::name(r.error().code)) + ": " + r.error().what;
}

}  // namespace lemmy::access::sample
