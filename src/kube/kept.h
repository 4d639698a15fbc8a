#pragma once
// Inside room kube: the objects of one kind in the live picture, by namespace and name, with an index by what
// their labels say. Loop thread only.
#include <algorithm>
#include <map>
#include <vector>

#include "kube/events.h"
#include "kube/objects.h"

namespace lemmy::kube {

struct Key {
  Text ns, name;
  auto operator<=>(const Key&) const = default;
  bool operator==(const Key&) const = default;
};

template <class T>
class Kept {
 public:
  struct Slot {
    T object;
    Events events;
    uint32_t list = 0;  // in which it was seen last
  };
  using Slots = std::map<Key, Slot>;

  const Slots& all() const { return slots_; }
  size_t size() const { return slots_.size(); }
  T* find(const Key& key) {
    auto it = slots_.find(key);
    return it == slots_.end() ? nullptr : &it->second.object;
  }
  const T* find(const Key& key) const { return const_cast<Kept*>(this)->find(key); }
  Slot* slot(const Key& key) {
    auto it = slots_.find(key);
    return it == slots_.end() ? nullptr : &it->second;
  }
  bool has_namespace(const Text& ns) const {
    auto it = slots_.lower_bound(Key{ns, {}});
    return it != slots_.end() && it->first.ns == ns;
  }

  // By name.
  const std::vector<const T*>& of(const Owner& owner) const {
    static const std::vector<const T*> none;
    auto it = by_owner_.find(owner);
    return it == by_owner_.end() ? none : it->second;
  }

  std::vector<const T*> of(const Target& target) const {
    std::vector<const T*> out;
    for (auto it = by_owner_.lower_bound(Owner{target, 0});
         it != by_owner_.end() && it->first.target == target; ++it)
      out.insert(out.end(), it->second.begin(), it->second.end());
    return out;
  }
  // The highest number of a deploy of which there is one; 0: none.
  int64_t highest(const Target& target) const {
    auto after = by_owner_.upper_bound(Owner{target, INT64_MAX});
    if (after == by_owner_.begin()) return 0;
    const Owner& last = std::prev(after)->first;
    return last.target == target ? last.deploy : 0;
  }

  // Another object of the same name keeps no events of the one before. True: it was not there.
  bool put(T object) {
    Key key{object.meta.ns, object.meta.name};
    auto [at, fresh] = slots_.try_emplace(std::move(key));
    Slot& slot = at->second;
    if (!fresh && slot.object.meta.uid != object.meta.uid) slot.events = {};
    const bool moves = fresh || !same_owner(slot.object.meta, object.meta);
    if (!fresh && moves) disown(slot.object);
    slot.object = std::move(object);
    slot.object.meta.name = at->first.name;  // one copy
    slot.list = list_;
    if (moves) {
      auto& of = by_owner_[slot.object.meta.owner()];
      of.insert(std::ranges::lower_bound(of, slot.object.meta.name, {}, name_of), &slot.object);
    }
    return fresh;
  }
  // Gives what was there.
  std::optional<T> take(const Key& key) {
    auto it = slots_.find(key);
    if (it == slots_.end()) return std::nullopt;
    disown(it->second.object);
    std::optional<T> gone(std::move(it->second.object));
    slots_.erase(it);
    return gone;
  }
  void clear() {
    by_owner_.clear();
    slots_.clear();
  }

  // Lists of several namespaces may be read at the same time. Gives what not_listed() asks for.
  uint32_t begin_list() { return ++list_; }
  // The keys of what was not put since that began, in the namespace; empty: in all.
  std::vector<Key> not_listed(uint32_t since, const std::string& ns) const {
    std::vector<Key> out;
    for (const auto& [key, slot] : slots_)
      if (slot.list < since && (ns.empty() || key.ns == std::string_view(ns))) out.push_back(key);
    return out;
  }

 private:
  static bool same_owner(const Meta& a, const Meta& b) {
    return a.project == b.project && a.environment == b.environment && a.deploy == b.deploy;
  }
  static const Text& name_of(const T* object) { return object->meta.name; }
  void disown(const T& object) {
    auto it = by_owner_.find(object.meta.owner());
    if (it == by_owner_.end()) return;
    std::erase(it->second, &object);
    if (it->second.empty()) by_owner_.erase(it);
  }

  Slots slots_;
  std::map<Owner, std::vector<const T*>> by_owner_;
  uint32_t list_ = 0;
};

}  // namespace lemmy::kube
