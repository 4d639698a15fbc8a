#include "store/records.h"

#include "base/strings.h"
#include "store/shared.h"

namespace lemmy::store {
namespace {

constexpr std::string_view kNames[] = {"build",    "delivery", "target", "deploy", "event",
                                       "document", "instance", "entry",  "feed"};

// Bytes that JSON cannot have as text.
json::value bytes_json(const std::string& s) {
  if (valid_utf8(s) == s) return json::value(s);
  return json::object{{"base64", to_base64(s)}};
}

// As a column of text keeps it, so that every backend tells the same.
std::string plain(const std::string& text) {
  std::string out = valid_utf8(text);
  for (size_t at = 0; (at = out.find('\0', at)) != out.npos;) out.replace(at, 1, "\xef\xbf\xbd");
  return out;
}

std::string number_text(int64_t n) { return std::to_string(n); }
std::string deploy_key(const Target& t, int64_t n) {
  return key_of({t.project, t.environment, number_text(n)});
}

// Reads the fields of a record; the first that is not as it must be is remembered.
struct Fields {
  const json::object& o;
  std::string missing;

  void need(bool ok, std::string_view key) {
    if (!ok && missing.empty()) missing = key;
  }
  std::string text(std::string_view key) {
    const json::value* v = o.if_contains(key);
    need(v && v->is_string(), key);
    return v && v->is_string() ? std::string(v->get_string()) : "";
  }
  std::string bytes(std::string_view key) {
    const json::value* v = o.if_contains(key);
    const json::object* coded = v ? v->if_object() : nullptr;
    if (!coded) return text(key);
    auto out = from_base64(text_or(*coded, "base64"));
    need(out.has_value(), key);
    return out.value_or("");
  }
  int64_t number(std::string_view key, int64_t least) {
    const json::value* v = o.if_contains(key);
    int64_t n = v && v->is_int64() ? v->get_int64() : INT64_MIN;
    need(n >= least, key);
    return n;
  }
  Time time(std::string_view key) {
    auto t = parse_time(text(key));
    need(t.has_value(), key);
    return t.value_or(Time{});
  }
  Target target() { return {text("project"), text("environment")}; }
  json::object object(std::string_view key) {
    const json::value* v = o.if_contains(key);
    need(v && v->is_object(), key);
    return v && v->is_object() ? v->get_object() : json::object();
  }
};

Result<Content> read_content(RecordKind kind, const json::value& v, const std::string& body, Fields& f) {
  switch (kind) {
    case RecordKind::build: {
      for (auto key : {"project", "sha"}) f.need(!f.text(key).empty(), key);
      for (auto key : {"first_pushed_at", "pushed_at"}) f.time(key);
      return build_from_json(f.o);
    }
    case RecordKind::delivery: {
      Delivery d;
      d.seq = f.number("seq", 1);
      d.hook = f.text("hook");
      d.id = f.bytes("id");
      d.at = f.time("at");
      d.from = f.bytes("from");
      d.caller = f.bytes("caller");
      d.project = f.bytes("project");
      d.body = f.bytes("body");
      d.verdict = f.text("verdict");
      d.why = f.bytes("why");
      return d;
    }
    case RecordKind::target:
      return LastNumber{f.target(), f.number("last", 0)};
    case RecordKind::deploy: {
      f.target();
      f.number("number", 1);
      f.number("revision", 1);
      auto d = deploy_from_json(v);
      if (!d) return fail(d.error());
      return KeptDeploy{std::move(*d), body};
    }
    case RecordKind::event: {
      f.target();
      f.number("number", 1);
      f.number("seq", 1);
      return KeptEvent{event_from_json(f.o), body};
    }
    case RecordKind::document: {
      Document d{f.target(), f.number("number", 1), f.text("name"), f.bytes("text")};
      f.need(d.text.size() <= kMostDocument, "text");
      return d;
    }
    case RecordKind::instance: {
      f.target();
      for (auto key : {"first_asked_at", "asked_at"}) f.time(key);
      for (auto key : {"asked", "answered"}) f.number(key, 0);
      auto i = instance_from_json(v);
      if (!i) return fail(i.error());
      return std::move(*i);
    }
    case RecordKind::entry:
      return Entry{f.text("kind"), f.text("key"), f.object("body"), f.number("revision", 1)};
    case RecordKind::feed: {
      FeedItem i{.seq = f.number("seq", 1), .id = f.text("id"), .target = f.target()};
      i.number = f.number("number", 0);
      i.at = f.time("at");
      i.kind = f.text("kind");
      i.body = f.object("body");
      return i;
    }
  }
  return fail(ErrorCode::invalid, "record", "its kind is not known");
}

std::string key_of_content(const Content& c) {
  return std::visit(
      [](const auto& one) -> std::string {
        using T = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<T, KeptDeploy>)
          return deploy_key(one.deploy.target, one.deploy.number);
        else if constexpr (std::is_same_v<T, KeptEvent>)
          return deploy_key(one.event.target, one.event.number) + "/" + number_text(one.event.seq);
        else if constexpr (std::is_same_v<T, Document>)
          return deploy_key(one.target, one.number) + "/" + key_of({one.name});
        else
          return record_of(one).key;
      },
      c);
}

Result<json::object> stored_object(std::string_view body, const std::string& where) {
  auto v = parse_json(body, where);
  if (!v) return fail(v.error());
  if (!v->is_object()) return fail(ErrorCode::internal, where, "it is not a JSON object");
  return std::move(v->get_object());
}

}  // namespace

std::string_view name(RecordKind k) { return kNames[static_cast<size_t>(k)]; }

std::optional<RecordKind> record_kind_from(std::string_view text) {
  for (RecordKind k : kRecordKinds)
    if (name(k) == text) return k;
  return std::nullopt;
}

Record record_of(const Build& b) {
  Build as_kept = b;
  for (auto field : {&Build::branch, &Build::image, &Build::url, &Build::author})
    as_kept.*field = plain(b.*field);
  return {RecordKind::build, key_of({b.project, b.sha}), body_of(to_json(as_kept))};
}

Record record_of(const Delivery& d) {
  json::object o{{"seq", d.seq},
                 {"hook", d.hook},
                 {"id", bytes_json(d.id)},
                 {"at", format_time(d.at)},
                 {"from", bytes_json(d.from)},
                 {"caller", bytes_json(d.caller)},
                 {"project", bytes_json(d.project)},
                 {"body", bytes_json(d.body)},
                 {"verdict", d.verdict},
                 {"why", bytes_json(d.why)}};
  return {RecordKind::delivery, key_of({number_text(d.seq), d.hook, d.id}), json::serialize(o)};
}

Record record_of(const LastNumber& n) {
  json::object o{{"project", n.target.project}, {"environment", n.target.environment}, {"last", n.last}};
  return {RecordKind::target, key_of({n.target.project, n.target.environment}), body_of(o)};
}

Record record_of(const Document& d) {
  json::object o{{"project", d.target.project},
                 {"environment", d.target.environment},
                 {"number", d.number},
                 {"name", d.name},
                 {"text", bytes_json(d.text)}};
  return {RecordKind::document, deploy_key(d.target, d.number) + "/" + key_of({d.name}), json::serialize(o)};
}

Record record_of(const Instance& i) {
  return {RecordKind::instance, key_of({i.target.project, i.target.environment, i.id}), body_of(to_json(i))};
}

Record record_of(const Entry& e) {
  json::object o{{"kind", e.kind}, {"key", e.key}, {"revision", e.revision}, {"body", e.body}};
  return {RecordKind::entry, key_of({e.kind, e.key}), body_of(o)};
}

json::object to_json(const FeedItem& i) {
  return {{"seq", i.seq},
          {"id", i.id},
          {"project", i.target.project},
          {"environment", i.target.environment},
          {"number", i.number},
          {"at", format_time(i.at)},
          {"kind", i.kind},
          {"body", i.body}};
}

Record record_of(const FeedItem& i) {
  return {RecordKind::feed, key_of({number_text(i.seq), i.id}), body_of(to_json(i))};
}

Result<Record> deploy_record(const Target& t, int64_t number, int64_t revision, std::string_view body) {
  auto o = stored_object(body, "stored deploy " + place(t, number));
  if (!o) return fail(o.error());
  (*o)["project"] = t.project;
  (*o)["environment"] = t.environment;
  (*o)["number"] = number;
  (*o)["revision"] = revision;
  return Record{RecordKind::deploy, deploy_key(t, number), body_of(*o)};
}

Result<Record> event_record(const Target& t, int64_t number, int64_t seq, std::string_view body) {
  auto o = stored_object(body, fmt::format("stored event {} of {}", seq, place(t, number)));
  if (!o) return fail(o.error());
  (*o)["seq"] = seq;
  (*o)["project"] = t.project;
  (*o)["environment"] = t.environment;
  (*o)["number"] = number;
  return Record{RecordKind::event, deploy_key(t, number) + "/" + number_text(seq), body_of(*o)};
}

Result<Content> read_record(const Record& r) {
  const std::string where = fmt::format("record {} {}", name(r.kind), shorten(r.key, 200));
  auto v = parse_json(r.body, where);
  if (!v) return fail(v.error());
  const json::object* o = v->if_object();
  if (!o) return fail(ErrorCode::invalid, where, "it is not a JSON object");
  Fields fields{*o, ""};
  auto content = read_content(r.kind, *v, r.body, fields);
  if (!fields.missing.empty())
    return fail(ErrorCode::invalid, where, "its field '" + fields.missing + "' is missing or wrong");
  if (!content) return fail(ErrorCode::invalid, where, content.error().what, content.error().hint);
  if (key_of_content(*content) != r.key) return fail(ErrorCode::invalid, where, "its key is not its own");
  return content;
}

Result<std::vector<Packed>> read_packed(const std::vector<Record>& records) {
  std::vector<Packed> out;
  for (const Record& r : records) {
    auto content = read_record(r);
    if (!content) return fail(content.error());
    Packed& p = out.emplace_back(Packed{std::move(*content)});
    auto* d = std::get_if<Document>(&p.content);
    if (!d) continue;
    p.size = static_cast<int64_t>(d->text.size());
    d->text = pack(d->text);
  }
  return out;
}

}  // namespace lemmy::store
