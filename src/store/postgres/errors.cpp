#include "store/postgres/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/strings.h"

namespace lemmy::store::postgres {
namespace {

// "FATAL:  28P01: password authentication failed" -> "28P01", and the message without it.
std::string take_sqlstate(std::string& message) {
  for (size_t at = message.find(":  "); at != message.npos; at = message.find(":  ", at + 1)) {
    size_t code = at + 3;
    if (message.size() < code + 6 || message[code + 5] != ':') continue;
    bool fits = true;
    for (size_t i = code; i < code + 5; ++i)
      fits = fits && (std::isdigit(static_cast<unsigned char>(message[i])) ||
                      std::isupper(static_cast<unsigned char>(message[i])));
    if (!fits) continue;
    std::string found = message.substr(code, 5);
    message.erase(at + 1, 8);
    return found;
  }
  return "";
}

std::string connect_hint(const std::string& state, const std::string& what) {
  auto says = [&](std::string_view text) { return what.find(text) != what.npos; };
  if (state == "28P01" || says("no password supplied"))
    return "check the password: in the URL, in PGPASSWORD, or in the pgpass file";
  if (state == "28000") return "is the user there, and does pg_hba.conf let it in from here?";
  if (state == "3D000") return "make it: createdb --encoding=UTF8 NAME; or name another in the URL";
  if (state == "53300") return "raise max_connections: a server of Lemmy takes 7";
  if (state == "57P03") return "the server starts or stops; try again in a moment";
  if (says("read-only") || says("hot standby"))
    return "name the primary, or all of them: postgres://USER@HOST1,HOST2/DATABASE";
  if (says("SSL") || says("certificate")) return "look at sslmode and sslrootcert in the URL";
  return "is PostgreSQL running there, and reachable from here?";
}

}  // namespace

std::string first_line(const char* message) {
  std::string_view text = message ? message : "";
  return shorten(valid_utf8(trim(text.substr(0, text.find('\n')))), 400);
}

Error connect_error(const char* message, const std::string& where) {
  std::vector<std::string> lines;
  std::string state;
  for (std::string_view l : split(message ? message : "", '\n')) {
    std::string line(trim(l));
    if (line.empty() || line.starts_with("LOCATION:")) continue;
    std::string found = take_sqlstate(line);
    if (state.empty()) state = found;
    // With TLS and then without, it may say the same twice.
    if (std::ranges::find(lines, line) == lines.end()) lines.push_back(valid_utf8(line));
  }
  std::string what = lines.empty() ? "no connection" : shorten(join(lines, "; "), 600);
  // A value that is not allowed may be a piece of a password in the wrong place: it is not repeated.
  if (what.starts_with("invalid "))
    return {ErrorCode::invalid, where, what.substr(0, what.find('"')) + "...", "correct the URL"};
  return {ErrorCode::unavailable, where, what, connect_hint(state, what)};
}

Error lost_error(const char* message, const std::string& where) {
  std::string line = first_line(message);
  return {ErrorCode::unavailable, where,
          "the connection to the database was lost" + (line.empty() ? "" : ": " + line),
          "Lemmy connects again by itself; try again"};
}

Error statement_error(const PGresult* r, const std::string& where) {
  auto field = [r](int code) {
    const char* text = PQresultErrorField(r, code);
    return std::string(text ? text : "");
  };
  std::string state = field(PG_DIAG_SQLSTATE);
  std::string what = shorten(valid_utf8(field(PG_DIAG_MESSAGE_PRIMARY)), 400);
  std::string family = state.substr(0, 2);
  auto is = [&](ErrorCode code, std::string hint) { return Error{code, where, what, std::move(hint)}; };
  if (state == "57014") return is(ErrorCode::timeout, "the database took too long; try again");
  if (state == "42501")
    return is(ErrorCode::unavailable, "the database user needs more rights: docs/stores.md says which");
  if (state == "42P07")
    return is(ErrorCode::conflict, "the schema has tables of another program: name another with search_path");
  if (state == "40001" || state == "40P01" || state == "23505")
    return is(ErrorCode::unavailable, "others write the same; try again");
  if (size_t at = what.find(kStale); state == "22P02" && at != what.npos) {
    Error e{ErrorCode::conflict, where, "it was changed by somebody else", "look again and repeat"};
    at += kStale.size();
    e.detail = what.substr(at, what.find(';', at) - at);
    return e;
  }
  if (state == "53100") return is(ErrorCode::unavailable, "free some room; Lemmy goes on by itself");
  if (family == "22") return is(ErrorCode::invalid, "");
  if (family == "53" || family == "57" || family == "58" || family == "08" || family == "25" ||
      family == "55")
    return is(ErrorCode::unavailable, "look at the log of PostgreSQL; Lemmy goes on by itself");
  Error e = is(ErrorCode::internal, "look at the log of PostgreSQL");
  e.what += " (SQLSTATE " + state + ")";
  return e;
}

}  // namespace lemmy::store::postgres
