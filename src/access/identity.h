#pragma once
// Inside room access: the parts of verify_instance.
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include <map>

#include "access/instance.h"

namespace lemmy::access {

template <auto F>
struct Free {
  template <class T>
  void operator()(T* p) const {
    F(p);
  }
};
inline void free_bio(BIO* b) { BIO_free_all(b); }
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, Free<free_bio>>;
using CertificatePtr = std::unique_ptr<X509, Free<X509_free>>;

// OpenSSL keeps errors for each thread; what is left there would be taken for an error of the next TLS read.
class NoErrorsLeft {
 public:
  NoErrorsLeft();
  ~NoErrorsLeft();
  NoErrorsLeft(const NoErrorsLeft&) = delete;
  NoErrorsLeft& operator=(const NoErrorsLeft&) = delete;
};

struct InstanceKeys::Impl {
  std::vector<CertificatePtr> certificates;           // AWS
  std::map<std::string, KeyPtr, std::less<>> by_kid;  // GCE
};

inline constexpr size_t kLargestDocument = 16 << 10, kLargestPkcs7 = 32 << 10, kLargestJwt = 8 << 10,
                        kLargestSignature = 4 << 10, kLargestKeyFile = 256 << 10;

// SHA-256 and RSA with PKCS#1 v1.5, which both clouds use.
bool rsa_sha256_holds(EVP_PKEY* key, std::string_view message, std::string_view signature);

Result<InstanceCaller> verify_aws(const config::AwsIdentity& rules, const InstanceKeys::Impl& keys,
                                  const InstanceRequest& request, Time now);
Result<InstanceCaller> verify_gce(const config::GceIdentity& rules, const InstanceKeys::Impl& keys,
                                  const InstanceRequest& request, std::string_view jwt, Time now);

std::unexpected<Error> unproven(std::string what, std::string hint = "");  // unauthorized
std::unexpected<Error> unwanted(std::string what, std::string hint = "");  // forbidden
bool lists(const std::vector<std::string>& list, std::string_view one);    // an empty list has nothing
// forbidden unless `projects` is empty or has the target's.
Result<> check_target(const std::vector<std::string>& projects, const Target& target);

}  // namespace lemmy::access
