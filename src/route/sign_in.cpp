// Signing in by a password, and out.
#include <fmt/format.h>

#include "base/log.h"
#include "base/strings.h"
#include "net/connections.h"
#include "route/guard.h"

namespace lemmy::route {
namespace {

constexpr seconds kDeviceLifetime{365 * 86'400};
constexpr milliseconds kLook{10'000};

}  // namespace

Task<Result<SignedIn>> Router::sign_in(Call call, std::string name, std::string password, Pool* pool,
                                       Pool* known) {
  log_ins_.limit(call.config->access.logins_per_minute);
  const access::LogIns::Try t{
      net::one_caller(call.request.remote), name,
      access::known_device(settings_.session_key, name, cookie_value(call.request.headers, kDeviceCookie))};
  const auto wait = log_ins_.wait(t, access::LogIns::Clock::now());
  if (wait.count() > 0)
    co_return fail(ErrorCode::rate_limited, "login", "too many tries",
                   "try again in " + format_duration(std::max<milliseconds>(wait, seconds{1})));
  auto look =
      (t.device ? known : pool)
          ->run([config = call.config, name, password = std::move(password)]() -> Result<std::string> {
            auto who = access::log_in(config->access, name, password);
            if (!who) return fail(ErrorCode::unauthorized, "login", "name or password is wrong");
            return who->name;
          });
  auto who = co_await with_deadline(std::move(look), kLook, "login");
  if (who || who.error().code != ErrorCode::unauthorized) log_ins_.was_not_wrong(t);
  if (!who && who.error().code != ErrorCode::unauthorized)
    co_return fail(ErrorCode::unavailable, "login", "too many log-ins wait to be looked at",
                   "try again in a moment");
  const config::User* user = who ? call.config->access.user(*who) : nullptr;
  if (!user) co_return fail(ErrorCode::unauthorized, "login", "name or password is wrong");
  const auto lifetime = call.config->access.session_lifetime;
  const bool https = net::header(call.request.headers, "X-Forwarded-Proto") == "https";
  const char* secure = https ? "; Secure" : "";
  SignedIn out;
  out.cookies.push_back(fmt::format("{}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{}", kCookie,
                                    access::make_session(settings_.session_key, *user, lifetime, now()),
                                    lifetime.count() / 1000, secure));
  out.cookies.push_back(fmt::format("{}={}; Path=/login; HttpOnly; SameSite=Strict; Max-Age={}{}",
                                    kDeviceCookie, access::make_device(settings_.session_key, user->name),
                                    kDeviceLifetime.count(), secure));
  co_return out;
}

Task<std::string> Router::sign_out(Call call) {
  const std::string_view cookie = cookie_value(call.request.headers, kCookie);
  auto session = access::open_session(settings_.session_key, call.config->access, cookie, now());
  if (session && settings_.end_session) {
    auto ended = co_await settings_.end_session(session->id, session->expires);
    if (!ended)
      log::warning("a session ended on this server only, until it starts again",
                   {{"what", ended.error().str()}});
  }
  co_return fmt::format("{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0", kCookie);
}

}  // namespace lemmy::route
