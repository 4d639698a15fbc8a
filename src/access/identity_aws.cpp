// The instance identity document of AWS. Nothing of it is looked at before its signature holds.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <cstring>

#include "access/identity.h"
#include "base/crypto.h"
#include "base/strings.h"

namespace lemmy::access {
namespace {

using Pkcs7Ptr = std::unique_ptr<PKCS7, Free<PKCS7_free>>;
inline void free_stack(STACK_OF(X509) * s) { sk_X509_free(s); }  // the certificates stay
using StackPtr = std::unique_ptr<STACK_OF(X509), Free<free_stack>>;

constexpr seconds kClocksDiffer{300};

std::string text_of(BIO* bio) {
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

Result<std::string> opened_pkcs7(const InstanceKeys::Impl& keys, std::string_view base64) {
  if (base64.size() > kLargestPkcs7) return unproven("the PKCS#7 is too long");
  auto der = from_base64(base64);
  if (!der || der->empty())
    return unproven("the PKCS#7 is not base64", "send what rsa2048 or pkcs7 of the metadata serve");
  const auto* at = reinterpret_cast<const unsigned char*>(der->data());
  const unsigned char* end = at + der->size();
  Pkcs7Ptr p7(d2i_PKCS7(nullptr, &at, static_cast<long>(der->size())));
  if (!p7 || at != end || !PKCS7_type_is_signed(p7.get()))
    return unproven("the PKCS#7 cannot be read", "send what rsa2048 or pkcs7 of the metadata serve");
  if (PKCS7_get_detached(p7.get()))
    return unproven("the PKCS#7 holds no document", "send what rsa2048 or pkcs7 of the metadata serve");
  StackPtr pinned(sk_X509_new_null());
  BioPtr out(BIO_new(BIO_s_mem()));
  if (!pinned || !out) throw std::bad_alloc();
  for (const CertificatePtr& c : keys.certificates)
    if (!sk_X509_push(pinned.get(), c.get())) throw std::bad_alloc();
  // Only our certificates sign, never those that came along; they are named in access.yaml, so there is no
  // chain to check.
  if (PKCS7_verify(p7.get(), pinned.get(), nullptr, nullptr, out.get(), PKCS7_NOINTERN | PKCS7_NOVERIFY) != 1)
    return unproven("the PKCS#7 is not signed by a certificate of access.yaml",
                    "each region has certificates of its own");
  return text_of(out.get());
}

Result<std::string> signed_document(const InstanceKeys::Impl& keys, const InstanceRequest& request) {
  if (request.document.empty())
    return unproven("the signature comes without its document", "send X-Lemmy-Aws-Document too");
  if (request.signature.empty())
    return unproven("the document comes without a signature", "send X-Lemmy-Aws-Signature too");
  if (request.document.size() > kLargestDocument * 4 / 3 + 4) return unproven("the document is too long");
  if (request.signature.size() > kLargestSignature) return unproven("the signature is too long");
  std::optional<std::string> document = request.document;
  if (!document->starts_with('{')) document = from_base64(request.document);
  auto signature = from_base64(request.signature);
  if (!document || !signature || signature->empty())
    return unproven("the document or its signature is not base64");
  bool holds = false;
  for (const CertificatePtr& c : keys.certificates)
    holds = holds || rsa_sha256_holds(X509_get0_pubkey(c.get()), *document, *signature);
  if (holds) return std::move(*document);
  return unproven("the signature does not fit the document and a certificate of access.yaml",
                  "send the document's bytes exactly as they are served");
}

// IPv4 in the form of IPv6, so that both forms of one address are equal; nullopt: this is none.
std::optional<std::array<unsigned char, 16>> address(std::string_view text) {
  std::string s(text.substr(0, 64));
  std::array<unsigned char, 16> out{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (inet_pton(AF_INET, s.c_str(), out.data() + 12) == 1) return out;
  if (inet_pton(AF_INET6, s.c_str(), out.data()) == 1) return out;
  return std::nullopt;
}

}  // namespace

Result<InstanceCaller> verify_aws(const config::AwsIdentity& rules, const InstanceKeys::Impl& keys,
                                  const InstanceRequest& request, Time now) {
  auto text = request.pkcs7.empty() ? signed_document(keys, request) : opened_pkcs7(keys, request.pkcs7);
  if (!text) return fail(text.error());
  if (text->size() > kLargestDocument) return unproven("the document is too long");
  auto parsed = parse_json(*text, "document", 16);
  const json::object* document = parsed ? parsed->if_object() : nullptr;
  if (!document) return unproven("the document is not JSON");
  auto field = [&](std::string_view key) { return text_or(*document, key); };
  const std::string_view account = field("accountId"), region = field("region"), id = field("instanceId"),
                         ip = field("privateIp"), pending = field("pendingTime");
  auto launched = parse_time(pending);
  if (account.empty() || region.empty() || id.empty() || !launched)
    return unproven("the document is of another kind",
                    "accountId, region, instanceId and pendingTime are expected in it");
  if (!lists(rules.accounts, account)) return unwanted("the document is of an account that may not ask");
  if (!rules.regions.empty() && !lists(rules.regions, region))
    return unwanted("the document is of a region that may not ask");
  if (id != request.instance_id) return unwanted("the document is of another instance");
  if (*launched > now + kClocksDiffer)
    return unwanted("the document is from the future", "check this server's clock");
  if (now - *launched > rules.max_age)
    return unwanted("the instance was launched too long ago",
                    "max_age in access.yaml says how long it may ask; stop and start the instance");
  if (rules.check_address) {
    auto said = address(ip), seen = address(request.remote);
    if (!said || !seen || *said != *seen)
      return unwanted("the call does not come from the document's address",
                      "behind a proxy or NAT set check_address: false in access.yaml");
  }
  if (auto ok = check_target(rules.projects, request.target); !ok) return fail(ok.error());
  InstanceCaller caller{fmt::format("aws {}/{}", account, region), true, std::string(ip)};
  caller.once = sha256_hex(fmt::format("aws\n{}\n{}\n{}\n{}\n{}", account, region, id, to_millis(*launched),
                                       request.target.str()));
  caller.launched_at = launched;
  return caller;
}

}  // namespace lemmy::access
