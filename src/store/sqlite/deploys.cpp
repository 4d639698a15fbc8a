// Deploys and their events.
#include "store/sqlite/rows.h"

namespace lemmy::store {
namespace {

Result<Deploy> read_deploy(Statement& s, int column) {
  return stored_deploy(s.getColumn(column).getString());
}

Result<std::vector<Deploy>> read_deploys(Statement& s) {
  std::vector<Deploy> out;
  while (s.executeStep()) {
    auto d = read_deploy(s, 0);
    if (!d) return fail(d.error());
    out.push_back(std::move(*d));
  }
  return out;
}

void add_event(DB& db, const Deploy& d, DeployEvent e) {
  e.target = d.target;
  e.number = d.number;
  Statement s(db, "INSERT INTO events (project, environment, number, body) VALUES (?, ?, ?, ?)");
  bind_target(s, e.target, e.number);
  s.bind(4, body_of(to_json(e)));
  s.exec();
}

}  // namespace

Result<Made> make_deploy(DB& db, Deploy d, const DeployEvent& first) {
  if (!d.request_id.empty()) {
    Statement was(db,
                  "SELECT body FROM deploys WHERE project = ? AND environment = ? AND request_id = ? "
                  "AND request_id <> ''");
    was.bind(1, d.target.project);
    was.bind(2, d.target.environment);
    was.bind(3, d.request_id);
    if (was.executeStep()) {
      auto known = read_deploy(was, 0);
      if (!known) return fail(known.error());
      return Made{std::move(*known), true};
    }
  }
  Statement next(
      db, "INSERT INTO targets VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last");
  next.bind(1, d.target.project);
  next.bind(2, d.target.environment);
  next.executeStep();
  d.number = next.getColumn(0).getInt64();
  next.reset();
  d.revision = 1;
  Statement s(db, "INSERT INTO deploys VALUES (?, ?, ?, 1, ?, ?, ?)");
  bind_target(s, d.target, d.number);
  s.bind(4, unsettled(d) ? 1 : 0);
  s.bind(5, d.request_id);
  std::string body = body_of(to_json(d));
  s.bind(6, body);
  s.exec();
  add_event(db, d, first);
  auto stored = stored_deploy(body);
  if (!stored) return fail(stored.error());
  return Made{std::move(*stored), false};
}

Result<Deploy> change_deploy(DB& db, Deploy d, const std::vector<DeployEvent>& events) {
  const int64_t was = d.revision++;
  Statement s(db,
              "UPDATE deploys SET revision = ?5, unsettled = ?6, body = ?7 "
              "WHERE project = ?1 AND environment = ?2 AND number = ?3 AND revision = ?4");
  bind_target(s, d.target, d.number);
  s.bind(4, was);
  s.bind(5, d.revision);
  s.bind(6, unsettled(d) ? 1 : 0);
  std::string body = body_of(to_json(d));
  s.bind(7, body);
  if (s.exec() != 1) return stale_deploy(d.target, d.number);
  for (const DeployEvent& e : events) add_event(db, d, e);
  return stored_deploy(body);
}

void raise_number(DB& db, const Target& target, int64_t at_least) {
  Statement s(
      db, "INSERT INTO targets VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET last = max(last, excluded.last)");
  bind_target(s, target, at_least);
  s.exec();
}

Task<Result<Deploy>> SqliteStore::create_deploy(Deploy deploy, DeployEvent first) {
  return writer_->run<Deploy>(
      [deploy = std::move(deploy), first = std::move(first)](DB& db) -> Result<Deploy> {
        auto made = make_deploy(db, deploy, first);
        if (!made) return fail(made.error());
        return std::move(made->deploy);
      });
}

Task<Result<Deploy>> SqliteStore::update_deploy(Deploy deploy, std::vector<DeployEvent> events, Fence fence) {
  return writer_->run<Deploy>(
      [deploy = std::move(deploy), events = std::move(events), fence](DB& db) -> Result<Deploy> {
        if (auto ok = check_fence(db, fence); !ok) return fail(ok.error());
        return change_deploy(db, deploy, events);
      });
}

Task<Result<int64_t>> SqliteStore::raise_number(Target target, int64_t at_least) {
  return writer_->run<int64_t>([=](DB& db) -> Result<int64_t> {
    store::raise_number(db, target, at_least);
    Statement s(db, "SELECT last FROM targets WHERE project = ? AND environment = ?");
    s.bind(1, target.project);
    s.bind(2, target.environment);
    s.executeStep();
    return s.getColumn(0).getInt64();
  });
}

Task<Result<Deploy>> SqliteStore::deploy(Target target, int64_t number) {
  return reader_->run<Deploy>([=](DB& db) -> Result<Deploy> {
    Statement s(db, "SELECT body FROM deploys WHERE project = ? AND environment = ? AND number = ?");
    bind_target(s, target, number);
    if (!s.executeStep()) return no_such_deploy(target, number);
    return read_deploy(s, 0);
  });
}

Task<Result<Listing<Deploy>>> SqliteStore::deploys(Target target, Page page) {
  return reader_->run<Listing<Deploy>>([=](DB& db) -> Result<Listing<Deploy>> {
    auto before = number_cursor(page);
    if (!before) return bad_cursor(page);
    Statement s(db,
                "SELECT body FROM deploys WHERE project = ? AND environment = ? AND number < ? "
                "ORDER BY number DESC LIMIT ?");
    bind_target(s, target, *before);
    s.bind(4, limit_of(page) + 1);
    auto items = read_deploys(s);
    if (!items) return fail(items.error());
    Listing<Deploy> out{std::move(*items), ""};
    if (out.items.size() > static_cast<size_t>(limit_of(page))) {
      out.items.pop_back();
      out.next = std::to_string(out.items.back().number);
    }
    return out;
  });
}

Task<Result<std::vector<Deploy>>> SqliteStore::unsettled_deploys() {
  return reader_->run<std::vector<Deploy>>([](DB& db) {
    Statement s(db, "SELECT body FROM deploys WHERE unsettled = 1 ORDER BY project, environment, number");
    return read_deploys(s);
  });
}

Task<Result<std::vector<Deploy>>> SqliteStore::latest_deploys() {
  return reader_->run<std::vector<Deploy>>([](DB& db) {
    // Not by `last`: numbers may have been raised.
    Statement s(db,
                "SELECT d.body FROM targets t JOIN deploys d ON d.project = t.project AND "
                "d.environment = t.environment AND d.number = (SELECT n.number FROM deploys n WHERE "
                "n.project = t.project AND n.environment = t.environment ORDER BY n.number DESC LIMIT 1) "
                "ORDER BY t.project, t.environment");
    return read_deploys(s);
  });
}

Task<Result<std::vector<DeployEvent>>> SqliteStore::deploy_events(Target target, int64_t number,
                                                                  int64_t after_seq, int limit) {
  return reader_->run<std::vector<DeployEvent>>([=](DB& db) -> Result<std::vector<DeployEvent>> {
    Statement s(
        db,
        "SELECT seq, body FROM events WHERE project = ? AND environment = ? AND number = ? AND seq > ? "
        "ORDER BY seq LIMIT ?");
    bind_target(s, target, number);
    s.bind(4, after_seq);
    s.bind(5, std::clamp(limit, 1, 10'000));
    std::vector<DeployEvent> out;
    while (s.executeStep()) {
      if (auto e = stored_event(s.getColumn(1).getString(), s.getColumn(0).getInt64()))
        out.push_back(std::move(*e));
    }
    return out;
  });
}

}  // namespace lemmy::store
