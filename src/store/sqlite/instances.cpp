// Instances that asked for their build, and leases.
#include "store/sqlite/rows.h"

namespace lemmy::store {

const char* const kInstanceColumns = "call, result, asked, answered";

// The two halves of the JSON put together again.
Result<Instance> read_instance(Statement& s) {
  auto call = parse_json(s.getColumn(0).getString(), "stored instance");
  if (!call) return fail(call.error());
  auto result = parse_json(s.getColumn(1).getString(), "stored instance");
  if (!result) return fail(result.error());
  auto i = instance_from_json(*call);
  if (!i) return i;
  if (result->is_object()) {
    auto r = instance_from_json(*result);
    if (!r) return r;
    i->result = r->result;
  }
  i->asked = s.getColumn(2).getInt64();
  i->result.answered = s.getColumn(3).getInt64();
  return i;
}

namespace {

Result<std::optional<Instance>> find_instance(DB& db, const Target& target, const std::string& id) {
  Statement s(db, fmt::format("SELECT {} FROM instances WHERE project = ? AND environment = ? AND id = ?",
                              kInstanceColumns));
  s.bind(1, target.project);
  s.bind(2, target.environment);
  s.bind(3, id);
  if (!s.executeStep()) return std::nullopt;
  auto i = read_instance(s);
  if (!i) return fail(i.error());
  return std::move(*i);
}

}  // namespace

Result<> check_fence(DB& db, const Fence& fence) {
  if (fence.lease.empty()) return {};
  Statement s(db, "SELECT token FROM leases WHERE name = ?");
  s.bind(1, fence.lease);
  if (s.executeStep() && s.getColumn(0).getInt64() == fence.token) return {};
  return lost_lease(fence.lease);
}

Task<Result<Accepted>> SqliteStore::accept_instance(Delivery delivery, std::optional<InstanceCall> call) {
  return writer_->run<Accepted>(
      [d = std::move(delivery), call = std::move(call)](DB& db) -> Result<Accepted> {
        Entered entered = enter_delivery(db, d);
        if (entered.known) return Accepted{true, *entered.known};
        Accepted out{false, d};
        out.delivery.seq = entered.seq;
        if (!call) return out;
        auto was = find_instance(db, call->target, call->id);
        if (!was) return fail(was.error());
        const Instance i = with_call(*was, *call);
        Statement s(
            db,
            "INSERT INTO instances VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?6, 'null') ON CONFLICT DO UPDATE SET "
            "asked_at = ?4, asked = ?5, call = ?6");
        s.bind(1, i.target.project);
        s.bind(2, i.target.environment);
        s.bind(3, i.id);
        s.bind(4, to_millis(i.asked_at));
        s.bind(5, i.asked);
        s.bind(6, body_of(to_json(i)));
        s.exec();
        return out;
      });
}

Task<Result<>> SqliteStore::record_instances(std::vector<Instance> instances, Fence fence) {
  return writer_->run<void>([instances = std::move(instances), fence](DB& db) -> Result<> {
    if (auto ok = check_fence(db, fence); !ok) return ok;
    Statement s(db,
                "UPDATE instances SET answered = ?4, open = ?5, result = ?6 "
                "WHERE project = ?1 AND environment = ?2 AND id = ?3");
    for (const Instance& i : instances) {
      s.bind(1, i.target.project);
      s.bind(2, i.target.environment);
      s.bind(3, i.id);
      s.bind(4, i.result.answered);
      s.bind(5, is_open(i) ? 1 : 0);
      s.bind(6, body_of(to_json(i)));
      s.exec();
      s.reset();
    }
    return {};
  });
}

Task<Result<Listing<Instance>>> SqliteStore::instances(std::string project, std::string environment,
                                                       Page page) {
  return reader_->run<Listing<Instance>>([=](DB& db) -> Result<Listing<Instance>> {
    auto last = instance_cursor(page);
    if (!last) return bad_cursor(page);
    std::string of;
    if (!project.empty()) of += " AND project = ?6";
    if (!environment.empty()) of += " AND environment = ?7";
    Statement s(db, fmt::format("SELECT {} FROM instances WHERE (asked_at < ?1 OR (asked_at = ?1 AND "
                                "(project, environment, id) > (?2, ?3, ?4))){} "
                                "ORDER BY asked_at DESC, project, environment, id LIMIT ?5",
                                kInstanceColumns, of));
    s.bind(1, last->at);
    s.bind(2, last->project);
    s.bind(3, last->environment);
    s.bind(4, last->id);
    s.bind(5, limit_of(page) + 1);
    if (!project.empty()) s.bind(6, project);
    if (!environment.empty()) s.bind(7, environment);
    Listing<Instance> out;
    while (s.executeStep()) {
      if (out.items.size() == static_cast<size_t>(limit_of(page))) {
        out.next = cursor_of(out.items.back());
        break;
      }
      auto i = read_instance(s);
      if (!i) return fail(i.error());
      out.items.push_back(std::move(*i));
    }
    return out;
  });
}

Task<Result<Instance>> SqliteStore::instance(Target target, std::string id) {
  return reader_->run<Instance>([=](DB& db) -> Result<Instance> {
    auto i = find_instance(db, target, id);
    if (!i) return fail(i.error());
    if (*i) return **i;
    return no_such_instance(target, id);
  });
}

Task<Result<std::vector<Instance>>> SqliteStore::unsettled_instances() {
  return reader_->run<std::vector<Instance>>([](DB& db) -> Result<std::vector<Instance>> {
    Statement s(db, fmt::format("SELECT {} FROM instances WHERE open = 1 OR asked > answered "
                                "ORDER BY project, environment, id",
                                kInstanceColumns));
    std::vector<Instance> out;
    while (s.executeStep()) {
      auto i = read_instance(s);
      if (!i) return fail(i.error());
      out.push_back(std::move(*i));
    }
    return out;
  });
}

Task<Result<Lease>> SqliteStore::lease(std::string name) {
  return reader_->run<Lease>([=](DB& db) -> Result<Lease> {
    Statement s(db, "SELECT holder, token, revision FROM leases WHERE name = ?");
    s.bind(1, name);
    Lease l{name, "", 0, 0};
    if (s.executeStep())
      l = {name, s.getColumn(0).getString(), s.getColumn(1).getInt64(), s.getColumn(2).getInt64()};
    return l;
  });
}

Task<Result<Lease>> SqliteStore::swap_lease(Lease lease) {
  return writer_->run<Lease>([=](DB& db) -> Result<Lease> {
    Statement s(db, lease.revision == 0
                        ? "INSERT INTO leases VALUES (?1, ?2, ?3, 1) ON CONFLICT DO NOTHING"
                        : "UPDATE leases SET holder = ?2, token = ?3, revision = revision + 1 "
                          "WHERE name = ?1 AND revision = ?4");
    s.bind(1, lease.name);
    s.bind(2, lease.holder);
    s.bind(3, lease.token);
    if (lease.revision != 0) s.bind(4, lease.revision);
    if (s.exec() != 1) return stale_lease(lease.name);
    Lease now = lease;
    ++now.revision;
    return now;
  });
}

}  // namespace lemmy::store
