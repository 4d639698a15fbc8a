// access.yaml instances: how hosts that boot prove themselves.
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "config/loader.h"
#include "domain/names.h"

namespace lemmy::config {
namespace {

bool is_account(std::string_view a) { return a.size() == 12 && a.find_first_not_of("0123456789") == a.npos; }

bool is_region(std::string_view r) {  // eu-west-1, us-gov-east-1
  return r.size() <= 32 && std::ranges::count(r, '-') >= 2 && r.back() >= '0' && r.back() <= '9' &&
         r.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == r.npos;
}

// https://cloud.google.com/resource-manager/docs/creating-managing-projects; old ones begin with
// "domain.com:".
bool is_google_project(std::string_view p) {
  return p.size() >= 6 && p.size() <= 64 && p[0] >= 'a' && p[0] <= 'z' &&
         p.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.:") == p.npos;
}

std::vector<std::string> needed_list(Reader& r, const std::string& key, std::string hint) {
  auto list = r.texts(key);
  if (!r.has(key))
    r.problem(key, "the list is missing", std::move(hint));
  else if (list.empty())
    r.problem(key, "the list is empty", std::move(hint));
  return list;
}

std::string needed_text(Reader& r, const std::string& key, std::string hint) {
  std::string text = r.text(key);
  if (text.empty()) r.problem(key, fmt::format("the {} is missing", key), std::move(hint));
  return text;
}

void check_each(Reader& r, const std::string& key, const std::vector<std::string>& list,
                bool (*good)(std::string_view), std::string_view kind, std::string_view hint) {
  for (const std::string& one : list)
    if (one.empty() || !good(one))
      r.problem(key, fmt::format("'{}' is not {}", shorten(one, 80), kind), std::string(hint));
}

void check_target(Reader& t, const InstanceToken& token, const Known* known) {
  if (token.project.empty() || token.environment.empty()) return;  // told already
  if (auto ok = check_project_name(token.project); !ok)
    return t.problem("project", ok.error().what, ok.error().hint);
  check_project(t, "project", token.project, known);
  if (auto ok = check_environment_name(token.environment); !ok)
    return t.problem("environment", ok.error().what, ok.error().hint);
  if (!known || !known->environments || !known->environments->contains(token.project)) return;
  const Project& p = known->environments->at(token.project);
  if (p.environment(token.environment)) return;
  std::vector<std::string> names;
  for (const ProjectEnvironment& e : p.environments) names.push_back(e.name);
  t.problem("environment", fmt::format("{} has no environment '{}'", p.name, token.environment),
            suggestion(token.environment, names));
}

InstanceToken read_token(const std::string& name, Reader& t, const Known* known) {
  check_access_name(t, name);
  InstanceToken token{name, needed_text(t, "project", "an instance's token is for one target"),
                      needed_text(t, "environment", "an instance's token is for one target"),
                      token_hash(t, "token_hash")};
  if (!t.has("token_hash"))
    t.problem("token_hash", "the hash is missing", "`lemmy token add --instances` makes one");
  check_target(t, token, known);
  return token;
}

AwsIdentity read_aws(Reader& r, const Known* known) {
  using namespace std::chrono;
  AwsIdentity aws;
  aws.accounts = needed_list(r, "accounts", "the accounts whose instances may ask");
  check_each(r, "accounts", aws.accounts, is_account, "an AWS account", "12 digits, in quotation marks");
  aws.regions = r.texts("regions");
  if (r.has("regions") && aws.regions.empty())
    r.problem("regions", "the list is empty", "leave it out to allow all regions");
  check_each(r, "regions", aws.regions, is_region, "an AWS region", "such as eu-west-1");
  aws.certificates = needed_list(r, "certificates", "PEM files with the certificates that AWS publishes");
  check_each(r, "certificates", aws.certificates, [](std::string_view) { return true; }, "a file", "");
  aws.projects = project_list(r, known);
  aws.check_address = r.flag("check_address", aws.check_address);
  aws.max_age = r.duration("max_age", minutes{1}, days{366}).value_or(aws.max_age);
  return aws;
}

GceIdentity read_gce(Reader& r, const Known* known) {
  GceIdentity gce;
  gce.google_projects = needed_list(r, "google_projects", "ids of the Google projects that may ask");
  check_each(r, "google_projects", gce.google_projects, is_google_project, "the id of a Google project",
             "the id, such as my-project-123, not the number");
  gce.audience = needed_text(r, "audience", "what instances ask their token for, such as this server's URL");
  if (gce.audience.size() > 1024) r.problem("audience", "the audience is too long");
  gce.keys_file = needed_text(r, "keys_file", "a file with Google's public keys as JWKS");
  gce.projects = project_list(r, known);
  return gce;
}

}  // namespace

void read_instances(Reader& r, const Known* known, Access& access) {
  r.entries("tokens", kInstanceToken, [&](const std::string& name, Reader& t) {
    access.instance_tokens.push_back(read_token(name, t, known));
  });
  r.mapping("aws", kAws, [&](Reader& a) { access.aws = read_aws(a, known); });
  r.mapping("gce", kGce, [&](Reader& g) { access.gce = read_gce(g, known); });
}

}  // namespace lemmy::config
