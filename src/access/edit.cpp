#include "access/edit.h"

#include <fmt/format.h>

#include <algorithm>

#include "access/lines.h"
#include "base/files.h"
#include "config/access_edits.h"

namespace lemmy::access {
namespace {

const std::string kFile = "access.yaml";

Result<config::Access> parse(const std::string& text) {
  auto a = config::parse_access(text, kFile);
  if (a) return std::move(*a);
  Error e = a.error().front();
  e.what = "the file has a problem: " + e.what;
  if (e.hint.empty()) e.hint = "repair it first; `lemmy validate` shows all";
  return fail(e);
}

// The text is edited line by line, so what came out is read back before anybody gets it.
Result<std::string> checked(Result<std::string> text, const config::Access& wanted) {
  if (!text) return text;
  auto got = config::parse_access(*text, kFile);
  if (got && *got == wanted) return text;
  return fail(ErrorCode::invalid, kFile, "the file is written in a way that cannot be changed safely",
              "change it by hand");
}

template <class List>
auto by_name(List& list, const std::string& name) {
  return std::find_if(list.begin(), list.end(), [&](const auto& x) { return x.name == name; });
}

std::unexpected<Error> taken(const std::string& what, const std::string& name) {
  return fail(ErrorCode::conflict, kFile, fmt::format("there is already a {} '{}'", what, name));
}
std::unexpected<Error> absent(const std::string& what, const std::string& name) {
  return fail(ErrorCode::not_found, kFile, fmt::format("there is no {} '{}'", what, name));
}

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

std::string cell(const std::string& text, size_t width) { return fmt::format("{:<{}}  ", text, width); }

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += cell(row[i], widths[i]);
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& n : names) out += (out.empty() ? "" : ", ") + n;
  return out;
}

}  // namespace

Result<std::string> add_user(const std::string& text, const std::string& name, Role role,
                             const std::string& password_hash) {
  if (auto ok = config::check_access_name(name); !ok) return fail(ok.error());
  auto a = parse(text);
  if (!a) return fail(a.error());
  if (a->user(name)) return taken("user", name);
  a->users.push_back({name, role, password_hash});
  std::vector<Field> fields{{"role", std::string(config::name(role))}};
  if (!password_hash.empty()) fields.push_back({"password_hash", quoted(password_hash)});
  return checked(add_entry(text, "users", name, fields), *a);
}

Result<std::string> set_password(const std::string& text, const std::string& name,
                                 const std::string& password_hash) {
  auto a = parse(text);
  if (!a) return fail(a.error());
  auto user = by_name(a->users, name);
  if (user == a->users.end()) return absent("user", name);
  user->password_hash = password_hash;
  return checked(set_field(text, "users", name, {"password_hash", quoted(password_hash)}), *a);
}

Result<std::string> remove_user(const std::string& text, const std::string& name) {
  auto a = parse(text);
  if (!a) return fail(a.error());
  auto user = by_name(a->users, name);
  if (user == a->users.end()) return absent("user", name);
  a->users.erase(user);
  return checked(remove_entry(text, "users", name), *a);
}

Result<std::string> add_token(const std::string& text, const config::Token& token) {
  if (auto ok = config::check_access_name(token.name); !ok) return fail(ok.error());
  auto a = parse(text);
  if (!a) return fail(a.error());
  if (by_name(a->tokens, token.name) != a->tokens.end()) return taken("token", token.name);
  a->tokens.push_back(token);
  std::vector<Field> fields{{"role", std::string(config::name(token.role))}, {"hash", quoted(token.hash)}};
  if (!token.projects.empty()) fields.push_back({"projects", "[" + joined(token.projects) + "]"});
  if (token.expires) fields.push_back({"expires", quoted(format_time(*token.expires))});
  return checked(add_entry(text, "tokens", token.name, fields), *a);
}

Result<std::string> remove_token(const std::string& text, const std::string& name) {
  auto a = parse(text);
  if (!a) return fail(a.error());
  auto token = by_name(a->tokens, name);
  if (token == a->tokens.end()) return absent("token", name);
  a->tokens.erase(token);
  return checked(remove_entry(text, "tokens", name), *a);
}

Result<std::string> add_instance_token(const std::string& text, const config::InstanceToken& token) {
  if (auto ok = config::check_access_name(token.name); !ok) return fail(ok.error());
  auto a = parse(text);
  if (!a) return fail(a.error());
  if (by_name(a->instance_tokens, token.name) != a->instance_tokens.end())
    return taken("token of instances", token.name);
  a->instance_tokens.push_back(token);
  return checked(add_entry(text, "instances.tokens", token.name,
                           {{"project", token.project},
                            {"environment", quoted(token.environment)},
                            {"token_hash", quoted(token.token_hash)}}),
                 *a);
}

Result<std::string> remove_instance_token(const std::string& text, const std::string& name) {
  auto a = parse(text);
  if (!a) return fail(a.error());
  auto token = by_name(a->instance_tokens, name);
  if (token == a->instance_tokens.end()) return absent("token of instances", name);
  a->instance_tokens.erase(token);
  return checked(remove_entry(text, "instances.tokens", name), *a);
}

std::string list_users(const config::Access& access) {
  std::vector<std::vector<std::string>> rows{{"NAME", "ROLE", "PASSWORD"}};
  for (const config::User& u : access.users)
    rows.push_back({u.name, std::string(config::name(u.role)), u.password_hash.empty() ? "none" : "set"});
  return table(rows);
}

std::string list_tokens(const config::Access& access, Time now) {
  std::vector<std::vector<std::string>> rows{{"NAME", "ROLE", "PROJECTS", "EXPIRES"}};
  for (const config::Token& t : access.tokens)
    rows.push_back({t.name, std::string(config::name(t.role)),
                    t.projects.empty() ? "all" : joined(t.projects),
                    !t.expires          ? "never"
                    : *t.expires <= now ? "expired"
                                        : format_time(*t.expires)});
  for (const config::InstanceToken& t : access.instance_tokens)
    rows.push_back({t.name, "instances", Target{t.project, t.environment}.str(), "never"});
  return table(rows);
}

Result<std::string> read_access(const std::filesystem::path& file) {
  auto text = read_file(file, 1 << 20);
  if (!text && text.error().code == ErrorCode::not_found) return std::string();
  return text;
}

Result<> write_access(const std::filesystem::path& file, std::string_view text) {
  return write_file(file, text, 0600);
}

}  // namespace lemmy::access
