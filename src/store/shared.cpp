#include "store/shared.h"

#include <zlib.h>

#include <charconv>

#include "base/strings.h"

namespace lemmy::store {

std::optional<int64_t> number_in(std::string_view text) {
  int64_t n = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  return ec == std::errc() && end == text.data() + text.size() ? std::optional(n) : std::nullopt;
}

std::string body_of(const json::object& o) { return valid_utf8(json::serialize(o)); }

Result<Deploy> stored_deploy(const std::string& body) {
  auto v = parse_json(body, "stored deploy");
  if (!v) return fail(v.error());
  return deploy_from_json(*v);
}

std::optional<DeployEvent> stored_event(const std::string& body, int64_t seq) {
  auto v = parse_json(body, "stored event");
  if (!v || !v->is_object()) return std::nullopt;
  DeployEvent e = event_from_json(v->get_object());
  e.seq = seq;
  return e;
}

std::string place(const Entry& e) { return e.kind + " " + e.key; }

Result<Entry> stored_entry(std::string kind, std::string key, int64_t revision, const std::string& body) {
  Entry e{std::move(kind), std::move(key), {}, revision};
  auto v = parse_json(body, "stored " + place(e));
  if (!v) return fail(v.error());
  if (!v->is_object()) return fail(ErrorCode::internal, "stored " + place(e), "it is not a JSON object");
  e.body = std::move(v->get_object());
  return e;
}

Result<FeedItem> stored_item(FeedItem i, const std::string& body) {
  auto v = parse_json(body, "stored item " + i.id);
  if (!v) return fail(v.error());
  if (!v->is_object()) return fail(ErrorCode::internal, "stored item " + i.id, "it is not a JSON object");
  i.body = std::move(v->get_object());
  return i;
}

Entry let_go_entry(int64_t seq, int64_t revision) {
  return {kFeedState, kLetGo, json::object{{"seq", seq}}, revision};
}

int64_t feed_seq_in(const Entry& e) {
  if (e.kind == kConsumer) return int_or(e.body, "at");
  return e.kind == kFeedState ? int_or(e.body, "seq") : 0;
}

MayGo may_go(const std::vector<Entry>& consumers, int64_t last, int64_t keep) {
  MayGo out{.passed = INT64_MAX, .too_many = last - std::min(last, std::max<int64_t>(keep, 0))};
  for (const Entry& e : consumers) out.passed = std::min(out.passed, feed_seq_in(e));
  return out;
}

bool is_open(const Instance& i) {
  return i.result.state == InstanceState::running || i.result.next_try.has_value();
}

std::optional<int64_t> number_cursor(const Page& p) {
  return p.after.empty() ? std::optional<int64_t>(INT64_MAX) : number_in(p.after);
}

std::optional<BuildCursor> build_cursor(const Page& p) {
  if (p.after.empty()) return BuildCursor{};
  size_t dash = p.after.find('-', 1);  // a time may begin with a minus
  auto at = number_in(std::string_view(p.after).substr(0, dash));
  if (!at || dash == p.after.npos) return std::nullopt;
  return BuildCursor{*at, p.after.substr(dash + 1)};
}
std::string cursor_of(const Build& b) { return fmt::format("{}-{}", to_millis(b.pushed_at), b.sha); }

// "millis/project/environment/id" of the last one; ids may have '/'.
std::optional<InstanceCursor> instance_cursor(const Page& p) {
  InstanceCursor c;
  if (p.after.empty()) return c;
  std::string_view rest = p.after;
  size_t slash = rest.find('/');
  auto at = number_in(rest.substr(0, slash));
  if (!at || slash == rest.npos) return std::nullopt;
  c.at = *at;
  rest.remove_prefix(slash + 1);
  for (std::string* part : {&c.project, &c.environment}) {
    slash = rest.find('/');
    if (slash == rest.npos) return std::nullopt;
    *part = rest.substr(0, slash);
    rest.remove_prefix(slash + 1);
  }
  c.id = rest;
  return c;
}
std::string cursor_of(const Instance& i) {
  return fmt::format("{}/{}/{}/{}", to_millis(i.asked_at), i.target.project, i.target.environment, i.id);
}

std::string pack(std::string_view text) {
  uLongf size = compressBound(text.size());
  std::string packed(size, '\0');
  // Cannot fail: the room is compressBound.
  compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(text.data()),
            text.size(), Z_BEST_SPEED);
  packed.resize(size);
  return packed;
}

Result<std::string> unpack(std::string_view packed, int64_t bytes, const std::string& where,
                           const std::string& name) {
  auto damaged = [&] { return fail(ErrorCode::internal, where, "the stored " + name + " is damaged"); };
  if (bytes < 0 || bytes > static_cast<int64_t>(kMostDocument)) return damaged();
  auto size = static_cast<uLongf>(bytes);
  std::string out(size, '\0');
  if (uncompress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(packed.data()),
                 packed.size()) != Z_OK ||
      size != out.size())
    return damaged();
  return out;
}

std::unexpected<Error> bad_cursor(const Page& p) {
  return fail(ErrorCode::invalid, "after",
              "'" + shorten(valid_utf8(p.after), 80) + "' is not a cursor of this list",
              "use the cursor of the page before as it came");
}
std::unexpected<Error> no_such_build(const std::string& project, const std::string& sha) {
  return fail(ErrorCode::not_found, "build " + sha, fmt::format("project {} has no such build", project),
              "did the build system announce it? lemmy builds " + project);
}
std::unexpected<Error> several_builds(const std::string& sha) {
  return fail(ErrorCode::conflict, "build " + sha, "several builds begin like this", "give more digits");
}
std::unexpected<Error> no_such_deploy(const Target& t, int64_t number) {
  return fail(ErrorCode::not_found, place(t, number), "there is no such deploy",
              "one that was there long ago may be in the archive: see Retention in docs/stores.md");
}
std::unexpected<Error> stale_deploy(const Target& t, int64_t number) {
  return fail(ErrorCode::conflict, place(t, number), "the deploy was changed by somebody else",
              "look again and repeat");
}
std::unexpected<Error> unsettled_deploy(const Target& t, int64_t number) {
  return fail(ErrorCode::conflict, place(t, number), "it is not over: it must be looked after",
              "delete it first");
}
std::unexpected<Error> no_such_document(const Target& t, int64_t number, const std::string& name) {
  return fail(ErrorCode::not_found, place(t, number), "it has no " + name);
}
std::unexpected<Error> too_large_document(const Target& t, int64_t number, const std::string& name,
                                          size_t size) {
  return fail(ErrorCode::too_large, place(t, number) + " " + name,
              fmt::format("{} bytes; at most {} can be kept", size, kMostDocument));
}
std::unexpected<Error> no_such_instance(const Target& t, const std::string& id) {
  return fail(ErrorCode::not_found, "instance " + id, t.str() + " has no such instance",
              "did it call POST /hooks/instance? lemmy instances lists those that did");
}
std::unexpected<Error> stale_entry(const Entry& e) {
  return fail(ErrorCode::conflict, place(e), "it was changed by somebody else", "look again and repeat");
}
std::unexpected<Error> lost_lease(const std::string& name) {
  return fail(ErrorCode::forbidden, "lease " + name, "another server has taken over",
              "this one must not write any more");
}
std::unexpected<Error> stale_lease(const std::string& name) {
  return fail(ErrorCode::conflict, "lease " + name, "another server wrote it", "look again");
}

}  // namespace lemmy::store
