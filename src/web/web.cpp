#include "web/web.h"

#include "web/assets.h"
#include "web/pages.h"

namespace lemmy::web {
namespace {

using route::Call;
using route::Kind;
using route::Who;

Task<net::Response> answer_asset(Call call, std::shared_ptr<Pages> pages) {
  auto r = serve_asset(call.request, call.param("name"));
  co_return r ? std::move(*r) : pages->error(call, r.error());
}

}  // namespace

void add_pages(route::Router& router, live::Services services) {
  auto pages = std::make_shared<Pages>(&router, std::move(services));
  router.set_error_page([pages](const Call& call, const Error& e) { return pages->error(call, e); });

  auto add = [&](std::string method, std::string pattern, Who who, std::string summary,
                 Pages::Answer (Pages::*handle)(Call), Kind kind = Kind::page) {
    router.add({std::move(method), std::move(pattern), who, kind, std::move(summary),
                [pages, handle](Call call) { return (pages.get()->*handle)(std::move(call)); }});
  };
  auto add_live = [&](std::string pattern, std::string summary, View view, Who who = Who::viewer) {
    pages->add_view(pattern, view);
    router.add({"GET", std::move(pattern), who, Kind::page, std::move(summary),
                [pages, view](Call call) { return pages->show(view, std::move(call)); }});
  };

  const std::string project = "/projects/{project}";
  const std::string deploys = project + "/environments/{environment}/deploys";
  const std::string one = deploys + "/{number}";
  add_live("/", "What runs where", View::home);
  add_live(project, "A project: builds and environments", View::project);
  add_live(one, "The status of a deploy", View::deploy);
  add_live("/instances", "Hosts that asked for their build", View::instances);
  // Who may see which page is asked of the table for each of them.
  add("GET", "/live", Who::viewer, "What changes on pages, as it happens", &Pages::follow, Kind::plain);
  add("POST", project + "/environments/{environment}/instances/run", Who::deployer,
      "Runs the playbook on a host again", &Pages::run_instance);
  add("POST", project + "/environments/{environment}/instances/forget", Who::deployer,
      "Lets go of a host that is no more", &Pages::let_go_of_instance);
  const std::string releases = project + "/releases", release = releases + "/{release}";
  const std::string dry_runs = project + "/environments/{environment}/dry-runs",
                    dry_run = dry_runs + "/{run}";
  add_live(release, "A release: one build on several environments", View::release);
  add("GET", project + "/builds/{sha}/release", Who::deployer, "Where a build shall go together",
      &Pages::release_form);
  add("POST", releases, Who::deployer, "Deploys a build to several environments", &Pages::release);
  add("POST", release + "/rollback", Who::deployer, "Rolls a release back", &Pages::roll_back_release);
  add("POST", dry_runs, Who::deployer, "Tries out what a deploy would change", &Pages::dry_run);
  add_live(dry_run, "What a deploy would change", View::dry_run, Who::deployer);
  add("POST", dry_run + "/cancel", Who::deployer, "Ends a dry run", &Pages::cancel_dry_run);
  add("GET", one + "/manifests", Who::viewer, "What a deploy sent", &Pages::manifests);
  add("GET", one + "/logs", Who::viewer, "The log of a container", &Pages::logs);
  add("POST", deploys, Who::deployer, "Deploys a build", &Pages::deploy);
  add("POST", one + "/{action}", Who::deployer, "Cancel, zero, delete, restore, roll back", &Pages::act);
  // A question's address is reloaded, gone back to, and shared.
  for (const std::string& form :
       {deploys, dry_runs, releases, one + "/{action}", dry_run + "/cancel", release + "/rollback"})
    add("GET", form, Who::viewer, "Leads to the page that the form stands on", &Pages::look_instead);
  add("GET", "/deliveries", Who::viewer, "What called the hooks", &Pages::deliveries);
  add("GET", "/store", Who::viewer, "How much is kept, and what is let go", &Pages::store);
  add("GET", "/login", Who::anyone, "The form to sign in", &Pages::login_form);
  add("POST", "/login", Who::anyone, "Signs in", &Pages::login);
  add("POST", "/logout", Who::anyone, "Signs out", &Pages::logout);
  router.add({"GET", "/assets/{name}", Who::anyone, Kind::plain, "Styles and scripts",
              [pages](Call call) { return answer_asset(std::move(call), pages); }});
}

}  // namespace lemmy::web
