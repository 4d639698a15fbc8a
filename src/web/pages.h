#pragma once
// Inside room web: the handlers. Loop thread only.
#include "live/board.h"
#include "live/channels.h"
#include "route/router.h"
#include "web/fragments.h"
#include "web/lru.h"

namespace lemmy::web {

// Pages that update themselves.
enum class View { home, project, deploy, instances, release, dry_run };

class Pages : public std::enable_shared_from_this<Pages> {
 public:
  using Answer = Task<net::Response>;
  Pages(route::Router* router, live::Services services);

  // The page with that pattern keeps itself fresh.
  void add_view(std::string pattern, View view) { views_[std::move(pattern)] = view; }
  Answer show(View view, route::Call call);  // the whole page
  Answer follow(route::Call call);           // the stream of what changes on several pages
  Answer logs(route::Call call);
  Answer manifests(route::Call call);
  Answer deliveries(route::Call call);
  Answer store(route::Call call);

  Answer deploy(route::Call call);  // forms
  Answer act(route::Call call);
  Answer look_instead(route::Call call);  // the address of a form, asked for as a page: where the form stands
  Answer run_instance(route::Call call);
  Answer let_go_of_instance(route::Call call);
  Answer release_form(route::Call call);  // which environments, and why
  Answer release(route::Call call);
  Answer roll_back_release(route::Call call);
  Answer dry_run(route::Call call);
  Answer cancel_dry_run(route::Call call);

  Answer login_form(route::Call call);
  Answer login(route::Call call);
  Answer logout(route::Call call);

  net::Response error(const route::Call& call, const Error& error) const;

 private:
  using Form = std::map<std::string, std::string>;
  using Outlined = std::shared_ptr<const Outline>;
  struct Wish {
    std::string page, have;
  };
  struct Shown;
  struct Drawn {
    std::string body;
    bool gzip = false;
    Outlined outline;  // of <main>, of a page that keeps itself fresh
  };
  struct Known {
    json::object data;
    Time at{};
  };
  // Data for the template. `fragment`: without ages and tokens.
  Task<Result<json::object>> load(View view, route::Call call, bool fragment) const;
  Task<Result<json::object>> read(View view, route::Call call) const;
  // What was read, or, when the store cannot be read now, what was read last; "stale" says so then.
  Task<Result<json::object>> known(std::string key, Task<Result<json::object>> read) const;
  Result<json::object> load_dry_run(const route::Call& call) const;
  live::Channels<Fragment>::Source source(View view, route::Call call);
  Task<> stream(route::Call call, std::vector<Wish> wishes, std::shared_ptr<net::Stream> out);
  std::optional<Error> open(Shown& shown, const route::Call& call, Signal* news);
  // On the pool. `page`: of one that keeps itself fresh.
  Task<Result<Drawn>> draw(const route::Call& call, std::string name, json::object context,
                           std::string page = "") const;
  net::Response reply(Drawn drawn) const;
  net::Response undrawn(const route::Call& call, const std::string& name, const Error& error) const;
  Answer html(route::Call call, std::string name, json::object context, int status = 200) const;
  json::object context(const route::Call& call) const;  // of a page that does not update itself
  Answer confirm_deploy(route::Call call, Form form, json::array meanwhile) const;
  Answer confirm_roll_back(route::Call call, release::Release release, Form form, bool changed) const;
  // Forms of questions say in "serving" what served when they were asked, and those of deploys in "after"
  // what the target's newest deploy was: what has changed since is asked about once more. Its sentences;
  // empty: nothing has.
  json::array meanwhile(const Target& target, Form& form, const std::string& request_id,
                        int64_t number = 0) const;
  std::string serving_now(const Target& target) const;
  std::string newest_now(const Target& target) const;
  std::string then_serves(const Target& target, int64_t number) const;  // without that one
  bool moves_who_serves(const Target& target, int64_t number, deploy::Action action) const;
  Answer confirm_act(route::Call call, Form form, json::array meanwhile, int64_t number,
                     deploy::Action action) const;

  route::Router* router_;
  live::Services services_;
  std::map<std::string, View, std::less<>> views_;
  live::Channels<Fragment> channels_;
  Lru<Outlined> recent_{256};  // of what was shown: who has one of them is sent what differs
  mutable Lru<Known> last_known_{64};
};

// Fields of a form; of several with one name the last.
Result<std::map<std::string, std::string>> fields(const net::Request& request);
Result<int64_t> number_of(const route::Call& call);  // {number} of the pattern; not_found
// The query that decides what a live page shows, as it is sent on: "project=web&after=3"; may be empty.
std::string query_of(const route::Call& call);
std::string page_of(const route::Call& call);  // path and that query: what a stream is asked for
// What is shown is of before: says so in the frame, when known() did.
void say_stale(json::object& frame, const json::object& data);
json::array hidden(std::initializer_list<std::pair<std::string_view, std::string>> list);
net::Response see_other(std::string location);

}  // namespace lemmy::web
