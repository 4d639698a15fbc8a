// Signing in and out.
#include "web/context.h"
#include "web/pages.h"

namespace lemmy::web {

Pages::Answer Pages::login_form(route::Call call) {
  json::object o = context(call);
  o["trouble"] = "";
  o["name"] = "";
  o["next"] = local_path(call.request.query_value("next"));
  co_return co_await html(std::move(call), "login.html.j2", std::move(o));
}

Pages::Answer Pages::login(route::Call call) {
  auto form = fields(call.request);
  if (!form) co_return error(call, form.error());
  const std::string next = local_path((*form)["next"]);
  const std::string name = (*form)["name"];
  Pool* strangers = services_.passwords ? services_.passwords : services_.pool;
  Pool* known = services_.known_passwords ? services_.known_passwords : strangers;
  auto signed_in = co_await router_->sign_in(call, name, (*form)["password"], strangers, known);
  if (signed_in) {
    net::Response r = see_other(next);
    for (const std::string& cookie : signed_in->cookies) r.headers.emplace("Set-Cookie", cookie);
    co_return r;
  }
  const Error& e = signed_in.error();
  json::object o = context(call);
  o["trouble"] = e.what + (e.hint.empty() ? "" : "; " + e.hint);
  o["name"] = name;
  o["next"] = next;
  co_return co_await html(std::move(call), "login.html.j2", std::move(o), http_status(e.code));
}

Pages::Answer Pages::logout(route::Call call) {
  net::Response r = see_other("/");
  std::string cookie = co_await router_->sign_out(std::move(call));
  r.headers.emplace("Set-Cookie", std::move(cookie));
  co_return r;
}

}  // namespace lemmy::web
