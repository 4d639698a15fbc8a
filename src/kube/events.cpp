#include "kube/events.h"

#include <algorithm>

namespace lemmy::kube {
namespace {
constexpr size_t kOfOne = 40;
uint64_t id_of(const Text& name) { return std::hash<std::string_view>()(name.view()); }
}  // namespace

bool Events::put(const Event& e) {
  if (!kept_) kept_ = std::make_unique<std::vector<One>>();
  const uint64_t id = id_of(e.meta.name);
  auto at = std::ranges::find(*kept_, id, &One::id);
  const bool fresh = at == kept_->end();
  bool more = fresh;
  if (fresh && kept_->size() >= kOfOne) {
    at = std::ranges::min_element(*kept_, {}, &One::last);
    more = false;
  } else if (fresh) {
    if (kept_->size() == kept_->capacity()) kept_->reserve(kept_->size() + 4);
    at = kept_->emplace(kept_->end());
  }
  // What names its pod is of this one; the rest is said of many.
  const bool own = e.group.message.find(e.about_name.view()) != std::string::npos;
  *at = {id,
         Text::shared(e.group.reason),
         own ? Text(e.group.message) : Text::shared(e.group.message),
         e.group.last,
         e.group.count,
         e.group.type == "Warning"};
  return more;
}

bool Events::remove(const Text& name) {
  return kept_ && std::erase_if(*kept_, [id = id_of(name)](const One& o) { return o.id == id; }) > 0;
}

void Events::remove_before(Time t) {
  if (kept_) std::erase_if(*kept_, [t](const One& o) { return o.last < t; });
}

std::vector<EventGroup> Events::groups() const {
  std::vector<EventGroup> out;
  if (!kept_) return out;
  for (const One& o : *kept_)
    out.push_back({o.is_warning ? "Warning" : "Normal", o.reason, o.message, o.count, o.last});
  return out;
}

void Events::times(std::vector<Time>* out) const {
  if (!kept_) return;
  for (const One& o : *kept_) out->push_back(o.last);
}

}  // namespace lemmy::kube
