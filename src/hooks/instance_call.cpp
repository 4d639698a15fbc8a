#include "hooks/instance_call.h"

#include <algorithm>

#include "base/strings.h"
#include "route/router.h"

namespace lemmy::hooks {
namespace {

constexpr size_t kDocument = 16 * 1024;  // as served, and its signature

// Of the body, else of the query.
Result<std::string> field(const json::object& body, const net::Request& request,
                          std::initializer_list<std::string_view> names) {
  for (std::string_view name : names) {
    if (const json::value* v = body.if_contains(name); v && !v->is_null()) {
      if (!v->is_string()) return fail(ErrorCode::invalid, std::string(name), "the field must be a text");
      return valid_utf8(trim(v->get_string()));
    }
    if (std::string_view text = trim(request.query_value(name)); !text.empty()) return valid_utf8(text);
  }
  return std::string();
}

// People wrap base64, and so does AWS.
std::string without_spaces(std::string_view text) {
  std::string out(text);
  std::erase_if(out, [](unsigned char c) { return std::isspace(c); });
  return out;
}

Result<std::string> proof(const json::object& body, const net::Request& request, std::string_view name,
                          std::string_view header) {
  auto in_body = field(body, request, {name});
  if (!in_body) return in_body;
  std::string text = without_spaces(in_body->empty() ? net::header(request.headers, header) : *in_body);
  if (text.size() > kDocument * 2)
    return fail(ErrorCode::invalid, std::string(name), "it is too long", "at most 16 KiB");
  return text;
}

}  // namespace

Result<InstanceFields> read_instance_call(const net::Request& request, Time now) {
  auto body = route::body_object(request);
  if (!body) return fail(body.error());
  InstanceFields out;
  InstanceCall& c = out.call;
  c.at = now;
  struct Wanted {
    std::initializer_list<std::string_view> names;
    std::string& to;
    bool needed;
  };
  for (const Wanted& w :
       {Wanted{{"project"}, c.target.project, true}, Wanted{{"environment"}, c.target.environment, true},
        Wanted{{"instance_id", "instance-id"}, c.id, true}, Wanted{{"address"}, c.address, false}}) {
    auto text = field(*body, request, w.names);
    if (!text) return fail(text.error());
    if (text->empty() && w.needed && !out.missing)
      out.missing = Error{ErrorCode::invalid, std::string(*w.names.begin()), "the field is missing",
                          "send project, environment and instance_id, as JSON, a form or in the query"};
    w.to = std::move(*text);
  }
  if (c.address.empty()) c.address = request.remote;
  auto document = proof(*body, request, "aws_document", "X-Lemmy-Aws-Document");
  if (!document) return fail(document.error());
  auto decoded = from_base64(*document);
  if (!decoded)
    return fail(ErrorCode::invalid, "aws_document", "this is not base64",
                "send the document's bytes as they were served, base64");
  out.proof.document = std::move(*decoded);
  for (auto& [name, header, to] : {std::tuple{"aws_signature", "X-Lemmy-Aws-Signature", &out.proof.signature},
                                   {"aws_pkcs7", "X-Lemmy-Aws-Pkcs7", &out.proof.pkcs7}}) {
    auto text = proof(*body, request, name, header);
    if (!text) return fail(text.error());
    *to = std::move(*text);
  }
  out.for_ledger = json::serialize(json::object{{"project", shorten(c.target.project, 64)},
                                                {"environment", shorten(c.target.environment, 64)},
                                                {"instance_id", shorten(c.id, 160)},
                                                {"address", shorten(c.address, 160)}});
  return out;
}

}  // namespace lemmy::hooks
