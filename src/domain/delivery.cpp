#include "domain/delivery.h"

namespace lemmy {

json::object to_json(const Delivery& d) {
  return {{"seq", d.seq},         {"hook", d.hook},     {"id", d.id},           {"at", format_time(d.at)},
          {"from", d.from},       {"caller", d.caller}, {"project", d.project}, {"body", d.body},
          {"verdict", d.verdict}, {"why", d.why}};
}

}  // namespace lemmy
