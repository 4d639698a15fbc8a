#pragma once
// For tests of records: a store with something in it.
#include "base/crypto.h"
#include "store/sample_test.h"

namespace lemmy::store {

// Something of each kind, with what is hard to keep.
inline void fill(Samples& s, Store& store) {
  auto must = [](const auto& r) {
    if (!r) throw std::runtime_error(r.error().str());
  };
  Build b = Samples::build("abcdef0123", 1'790'000'000'123);
  b.image = "registry/app@sha256:0";
  b.author = "Ada";
  b.message = std::string("grüße 🚀\n\0 zweite \xff Zeile", 29);
  Delivery d{0,    "build",    "id-1", from_millis(1'790'000'000'001), "10.0.0.1", "ci", "hello",
             "{}", "accepted", ""};
  must(s.run(store.accept(d, b)));
  d.id = std::string("\xff/\0 %", 5);
  d.body = std::string("no \xfe text \0 at all", 18);
  d.project = d.caller = d.from = "\xc3";
  d.why = "because \xff";
  must(s.run(store.accept(d, std::nullopt)));
  d.verdict = "refused";  // twice with one id
  must(s.run(store.accept(d, std::nullopt)));
  must(s.run(store.accept(d, std::nullopt)));

  lemmy::Deploy one = Samples::deploy();
  one.request_id = "ask-1";
  one.scale_to = 3;
  one.cause = Cause{};
  one.cause->log_tail = std::string(20'000, 'l');
  one = *s.run(store.create_deploy(one, Samples::event("made")));
  one.phase = Phase::live;
  one.presence = Presence::running;
  one.serving_since = from_millis(1'790'000'000'555);
  must(s.run(store.update_deploy(one, {Samples::event("a"), Samples::event("b \" \\ ü")})));
  for (int n = 0; n < 11; ++n)  // numbers that sort other than as text
    must(s.run(store.create_deploy(Samples::deploy("production"), Samples::event("p"))));
  must(s.run(store.put_document(one.target, 1, "manifests", "a: ü\n")));
  must(s.run(store.put_document(one.target, 1, "empty", "")));
  must(s.run(store.put_document(one.target, 1, "log", random_bytes(3 << 20) + std::string(1 << 20, 'x'))));

  Delivery call = d;
  call.hook = "instance";
  call.verdict = "accepted";
  must(s.run(store.accept_instance(call, InstanceCall{{"hello", "staging"},
                                                      "i-1/a",
                                                      "10.0.0.7",
                                                      "aws 1",
                                                      from_millis(1'790'000'000'777),
                                                      from_millis(1'790'000'000'700)})));
  call.id = "two";
  must(s.run(store.accept_instance(
      call, InstanceCall{{"hello", "staging"}, "i-2", "", "token hello", from_millis(900)})));
  Instance i = *s.run(store.instance({"hello", "staging"}, "i-1/a"));
  i.result = {.state = InstanceState::failed,
              .answered = 1,
              .host = "h1",
              .sha = "abcdef0",
              .deploy = 1,
              .run = "r-1",
              .why = "ü",
              .tries = 2,
              .next_try = from_millis(1'790'000'001'000)};
  must(s.run(store.record_instances({i}, {})));

  FeedItem told;
  told.target = one.target;
  told.kind = "lock";
  told.at = from_millis(1'790'000'000'888);
  for (const char* id : {"gone", "a/1 ~", "b"}) {
    told.id = id;
    told.number = *id == 'a' ? 1 : 0;
    told.body = json::object{{"text", std::string("grüße \"\\ ") + id}, {"n", (1ll << 53) + 1}};
    Writes w{.put = {{"lock", std::string("hello/") + id, told.body, 0}}, .tell = {told}};
    must(s.run(store.write_all(w, {})));
  }
  const int64_t first = s.run(store.feed(0, 1))->items.at(0).seq;
  must(s.run(store.write_all({.put = {entry_of({"mail", first, 0})}}, {})));
  must(s.run(store.trim_feed(from_millis(1'800'000'000'000), 1000, 10, {})));
  told.target = {};
  told.id = "of none";
  must(s.run(store.write_all({.tell = {told}}, {})));
}

}  // namespace lemmy::store
