#pragma once
// For tests of what an earlier release wrote (tests/stores/fixtures): its files, and that a store that was
// made of them says the same as that release did.
#include <gtest/gtest.h>
#include <zlib.h>

#include <map>

#include "base/source_dir_test.h"
#include "base/strings.h"
#include "store/records.h"
#include "store/sample_test.h"

namespace lemmy::store::earlier {

inline std::string unzipped(const std::string& name) {
  const std::string path = std::string(kSourceDir) + "/tests/stores/fixtures/" + name;
  gzFile file = gzopen(path.c_str(), "rb");
  if (!file) throw std::runtime_error("no " + path);
  std::string out;
  char part[65536];
  for (int n; (n = gzread(file, part, sizeof part)) > 0;) out.append(part, static_cast<size_t>(n));
  if (gzclose(file) != Z_OK) throw std::runtime_error(path + " is damaged");
  return out;
}

// Of a backup that the release made of the same store.
inline std::vector<Record> records(const std::string& name) {
  std::vector<Record> out;
  const std::string text = unzipped(name);
  for (std::string_view line : split(text, '\n')) {
    auto v = parse_json(line, name);
    const json::object* o = v ? v->if_object() : nullptr;
    auto kind = o ? record_kind_from(text_or(*o, "kind")) : std::nullopt;
    if (kind) out.push_back({*kind, std::string(text_or(*o, "key")), json::serialize(o->at("body"))});
  }
  if (out.size() < 100) throw std::runtime_error(name + " has too little in it");
  return out;
}

inline json::object object_in(const std::string& body) { return parse_json(body, "")->as_object(); }

// All that was told is told now; there may be more.
inline void expect_kept(const json::object& was, const json::object& now, const std::string& where) {
  for (const auto& [key, value] : was) {
    const json::value* then = now.if_contains(key);
    if (!then || *then != value)
      ADD_FAILURE() << where << ": " << std::string_view(key) << " was " << value << ", is "
                    << (then ? json::serialize(*then) : "gone");
  }
}

class Comparison {
 public:
  Comparison(Samples& s, Store& store, const std::vector<Record>& was) : s_(s), store_(store) {
    for (const Record& r : was) was_[r.kind][r.key] = object_in(r.body);
  }

  // Changes nothing.
  void same_records() {
    for (RecordKind kind : kRecordKinds) {
      std::map<std::string, json::object> now;
      Page page{100, ""};
      do {
        auto some = must(store_.dump(kind, page));
        for (const Record& r : some.items) now[r.key] = object_in(r.body);
        page.after = some.next;
      } while (!page.after.empty());
      EXPECT_EQ(now.size(), was_[kind].size()) << name(kind);
      for (const auto& [key, body] : was_[kind])
        expect_kept(body, now[key], std::string(name(kind)) + " " + key);
    }
  }
  void same_answers() {
    std::set<std::string> unsettled_then, latest_then, projects;
    std::map<Target, int64_t> highest;
    for (const auto& [key, body] : was_[RecordKind::deploy]) {
      auto d = deploy_from_json(body);
      ASSERT_TRUE(d) << key;
      expect_kept(body, to_json(must(store_.deploy(d->target, d->number))), key);
      if (unsettled(*d)) unsettled_then.insert(place(*d));
      highest[d->target] = std::max(highest[d->target], d->number);
      same_history(*d);
    }
    for (const auto& [target, number] : highest) {
      Deploy d;
      d.target = target;
      d.number = number;
      latest_then.insert(place(d));
    }
    EXPECT_EQ(places(must(store_.unsettled_deploys())), unsettled_then);
    EXPECT_EQ(places(must(store_.latest_deploys())), latest_then);
    for (const auto& [key, body] : was_[RecordKind::build]) {
      const std::string project(text_or(body, "project")), sha(text_or(body, "sha"));
      projects.insert(project);
      expect_kept(body, to_json(must(store_.build(project, sha))), key);
    }
    auto listed = must(store_.projects_with_builds());
    EXPECT_EQ(std::set<std::string>(listed.begin(), listed.end()), projects);
    for (const std::string& project : projects) same_builds(project);
    same_ledger();
    same_instances();
  }
  // Writes.
  void goes_on() {
    for (const auto& [key, body] : was_[RecordKind::target]) {
      Deploy d;
      d.target = {std::string(text_or(body, "project")), std::string(text_or(body, "environment"))};
      EXPECT_EQ(must(store_.create_deploy(d, Samples::event("x"))).number, int_or(body, "last") + 1) << key;
    }
    for (const auto& [key, body] : was_[RecordKind::deploy]) {
      auto d = *deploy_from_json(body);
      if (!d.request_id.empty()) EXPECT_EQ(must(store_.create_deploy(d, {})).number, d.number) << key;
      auto before = must(store_.deploy_events(d.target, d.number, 0, 1000));
      must(store_.update_deploy(must(store_.deploy(d.target, d.number)), {Samples::event("more")}));
      auto after = must(store_.deploy_events(d.target, d.number, before.back().seq, 1000));
      ASSERT_EQ(after.size(), 1u) << key;
      EXPECT_EQ(after[0].text, "more");
    }
    int64_t last = 0;
    for (const Delivery& was : ledger_) {
      last = std::max(last, was.seq);
      if (was.verdict == "refused") continue;
      auto again = must(store_.accept(was, std::nullopt));
      EXPECT_TRUE(again.duplicate) << was.id;
      EXPECT_EQ(again.delivery.seq, was.seq);
    }
    auto fresh =
        must(store_.accept({0, "build", "fresh", now(), "", "", "", "", "accepted", ""}, std::nullopt));
    EXPECT_FALSE(fresh.duplicate);
    EXPECT_GT(fresh.delivery.seq, last);
    FeedItem told;
    told.id = told.kind = "first";
    must(store_.write_all({.put = {{"lock", "first", {}, 0}}, .tell = {told}}, {}));
    EXPECT_EQ(must(store_.feed(0, 10)).items.size(), 1u);
  }

 private:
  template <class T>
  T must(Task<Result<T>> task) {
    auto r = s_.run(std::move(task));
    if (!r) throw std::runtime_error(r.error().str());
    return std::move(*r);
  }
  static std::string place(const Deploy& d) { return d.target.str() + " " + std::to_string(d.number); }
  static std::set<std::string> places(const std::vector<Deploy>& all) {
    std::set<std::string> out;
    for (const Deploy& d : all) out.insert(place(d));
    return out;
  }
  void same_history(const Deploy& d) {
    const std::string of = key_of({d.target.project, d.target.environment, std::to_string(d.number)}) + "/";
    std::map<int64_t, json::object> events;
    std::set<std::string> names;
    for (const auto& [key, body] : was_[RecordKind::event])
      if (key.starts_with(of)) events[int_or(body, "seq")] = body;
    for (const auto& [key, body] : was_[RecordKind::document])
      if (key.starts_with(of)) {
        const std::string document(text_or(body, "name"));
        names.insert(document);
        EXPECT_EQ(must(store_.document(d.target, d.number, document)), text_or(body, "text")) << key;
      }
    auto now = must(store_.deploy_events(d.target, d.number, 0, 1000));
    ASSERT_EQ(now.size(), events.size()) << of;
    auto then = events.begin();
    for (const DeployEvent& e : now) expect_kept((then++)->second, to_json(e), of);
    auto listed = must(store_.document_names(d.target, d.number));
    EXPECT_EQ(std::set<std::string>(listed.begin(), listed.end()), names) << of;
  }
  void same_builds(const std::string& project) {
    std::vector<std::pair<std::string, std::string>> then;
    for (const auto& [key, body] : was_[RecordKind::build])
      if (text_or(body, "project") == project)
        then.emplace_back(text_or(body, "pushed_at"), text_or(body, "sha"));
    std::ranges::sort(then, std::greater<>());
    std::vector<std::string> shas;
    Page page{2, ""};
    do {
      auto some = must(store_.builds(project, page));
      for (const Build& b : some.items) shas.push_back(b.sha);
      page.after = some.next;
    } while (!page.after.empty());
    ASSERT_EQ(shas.size(), then.size()) << project;
    for (size_t n = 0; n < then.size(); ++n) EXPECT_EQ(shas[n], then[n].second) << project;
  }
  void same_ledger() {
    ledger_ = must(store_.deliveries({1000, ""})).items;
    ASSERT_EQ(ledger_.size(), was_[RecordKind::delivery].size());
    for (size_t n = 0; n < ledger_.size(); ++n) {
      if (n > 0) EXPECT_LT(ledger_[n].seq, ledger_[n - 1].seq);
      const Record r = record_of(ledger_[n]);
      EXPECT_EQ(object_in(r.body), was_[RecordKind::delivery][r.key]) << r.key;
    }
    EXPECT_EQ(must(store_.oldest_deliveries(1)).at(0), ledger_.back());
  }
  void same_instances() {
    auto now = must(store_.instances("", "", {1000, ""})).items;
    EXPECT_EQ(now.size(), was_[RecordKind::instance].size());
    size_t open = 0;
    for (const auto& [key, body] : was_[RecordKind::instance]) {
      auto i = instance_from_json(body);
      ASSERT_TRUE(i) << key;
      expect_kept(body, to_json(must(store_.instance(i->target, i->id))), key);
      open += i->pending() || i->result.state == InstanceState::running || i->result.next_try;
    }
    EXPECT_EQ(must(store_.unsettled_instances()).size(), open);
  }

  Samples& s_;
  Store& store_;
  std::map<RecordKind, std::map<std::string, json::object>> was_;
  std::vector<Delivery> ledger_;
};

}  // namespace lemmy::store::earlier
