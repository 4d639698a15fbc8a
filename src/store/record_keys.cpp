// Keys of records, how SQL backends sort by them, and the hash of many.
#include "base/crypto.h"
#include "base/strings.h"
#include "net/http.h"
#include "store/records.h"
#include "store/shared.h"

namespace lemmy::store {

std::string key_of(std::initializer_list<std::string_view> parts) {
  std::vector<std::string> encoded;
  for (std::string_view part : parts) encoded.push_back(net::percent_encode(part));
  return join(encoded, "/");
}

std::optional<std::vector<std::string>> parts_of(std::string_view key, size_t parts) {
  std::vector<std::string> out;
  for (std::string_view part : split(key, '/')) {
    std::string& plain = out.emplace_back();
    for (size_t i = 0; i < part.size(); ++i) {
      if (part[i] != '%') {
        plain += part[i];
        continue;
      }
      auto byte = from_hex(part.substr(i + 1, 2));
      if (!byte || byte->size() != 1) return std::nullopt;
      plain += *byte;
      i += 2;
    }
  }
  return out.size() == parts ? std::optional(std::move(out)) : std::nullopt;
}

std::string Sorting::list() const {
  std::vector<std::string> names;
  for (const SortColumn& c : columns) names.emplace_back(c.name);
  return join(names, ", ");
}

const Sorting& sorting_of(RecordKind kind) {
  static const Sorting all[] = {
      {2, {{"project", 0}, {"sha", 1}}},
      {3, {{"seq", 0, true}}},
      {2, {{"project", 0}, {"environment", 1}}},
      {3, {{"project", 0}, {"environment", 1}, {"number", 2, true}}},
      {4, {{"seq", 3, true}}},
      {4, {{"project", 0}, {"environment", 1}, {"number", 2, true}, {"name", 3}}},
      {3, {{"project", 0}, {"environment", 1}, {"id", 2}}},
      {2, {{"kind", 0}, {"key", 1}}},
      {2, {{"seq", 0, true}}},
  };
  return all[static_cast<size_t>(kind)];
}

std::optional<std::vector<SortValue>> sort_values(RecordKind kind, const Page& page) {
  std::vector<SortValue> out;
  if (page.after.empty()) return out;
  const Sorting& sorting = sorting_of(kind);
  auto parts = parts_of(page.after, sorting.parts);
  if (!parts) return std::nullopt;
  for (const SortColumn& c : sorting.columns) {
    if (!c.number) {
      out.emplace_back((*parts)[c.part]);
      continue;
    }
    auto n = number_in((*parts)[c.part]);
    if (!n) return std::nullopt;
    out.emplace_back(*n);
  }
  return out;
}

void Tally::add(const Record& r) {
  std::string text(name(r.kind));
  text += '\0';
  text += r.key;
  text += '\0';
  const std::string digest = sha256(text + sha256(r.body));
  unsigned carry = 0;
  for (size_t i = sum_.size(); i-- > 0;) {
    carry += sum_[i] + static_cast<unsigned char>(digest[i]);
    sum_[i] = static_cast<unsigned char>(carry);
    carry >>= 8;
  }
  ++count_;
}

std::string Tally::hash() const {
  return to_hex(std::string_view(reinterpret_cast<const char*>(sum_.data()), sum_.size()));
}

}  // namespace lemmy::store
