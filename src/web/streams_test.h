#pragma once
// Followers of the stream of changes, for its tests.
#include <gmock/gmock.h>

#include "base/strings.h"
#include "web/handlers_test.h"

namespace lemmy::web {

// With sanitizers everything takes longer, on a machine that is busy besides.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr int kSlower = 8;
#else
inline constexpr int kSlower = 1;
#endif
#else
inline constexpr int kSlower = 1;
#endif

struct Heard {
  std::string name, id;
  json::object data;
};

struct Listener : net::Stream {
  std::vector<Heard> heard;
  bool gone = false, slow = false;
  using net::Stream::write;
  Task<Result<>> write(net::SharedPiece piece) override {
    while (slow) co_await sleep_for(milliseconds{1});
    Heard h;
    for (std::string_view line : split(piece->plain(), '\n')) {
      if (line.starts_with("event: ")) h.name = line.substr(7);
      if (line.starts_with("id: ")) h.id = line.substr(4);
      if (line.starts_with("data: ")) h.data = parse_json(line.substr(6), "event")->as_object();
    }
    heard.push_back(std::move(h));
    if (gone) co_return fail(ErrorCode::unavailable, "peer", "gone");
    co_return Result<>{};
  }
};

struct Streams : Handlers {
  struct Followed {
    std::shared_ptr<Listener> listener = std::make_shared<Listener>();
    std::future<void> end;
    bool ended() const { return end.wait_for(seconds{0}) == std::future_status::ready; }
    std::vector<std::string> names() const {
      std::vector<std::string> out;
      for (const Heard& h : listener->heard) out.push_back(h.name);
      return out;
    }
    const Heard& last() const { return listener->heard.back(); }
  };
  ~Streams() override {
    for (auto& f : all) f->gone = true;
  }
  Followed follow(std::string path, net::Headers headers = {}) {
    net::Response r = send("GET", std::move(path), "", std::move(headers));
    Followed f;
    if (!r.stream) throw std::runtime_error(r.body);
    f.end = asio::co_spawn(loop, r.stream(f.listener), asio::use_future);
    all.push_back(f.listener);
    wait(60 * kSlower);
    return f;
  }
  void wait(int ms) {
    loop.restart();
    loop.run_for(milliseconds{ms});
  }
  // As a browser that loads the page first.
  std::string have(const std::string& path, net::Headers headers = {}) {
    const std::string html = send("GET", path, "", std::move(headers)).body;
    const size_t at = html.find("data-have=\"") + 11;
    return html.substr(at, html.find('"', at) - at);
  }
  void announce(const std::string& sha) {
    Build b{"hello-world", sha, "main", "", "", "ada", "Another", now(), now()};
    Delivery d{0, "build", sha, now(), "10.0.0.1", "ci", "hello-world", "{}", "accepted", ""};
    run(store->accept(d, b)).value();
    feed.changed_project("hello-world");
  }
  void reconfigure(std::function<void(config::Config&)> change) {
    auto changed = std::make_shared<config::Config>(*config);
    change(*changed);
    changed->revision += "+";
    config = changed;
    feed.changed_all();
    wait(100 * kSlower);
  }
  // Signs in whom access.yaml knows, without his password.
  net::Headers as(const std::string& name) {
    return {{"Cookie", "lemmy_session=" +
                           access::make_session(kKey, *config->access.user(name), seconds{3600}, now())}};
  }
  std::vector<std::shared_ptr<Listener>> all;
};

inline constexpr const char* kOther = "1111111aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

}  // namespace lemmy::web
