#pragma once
// Inside room kube: reading what an API server sends, one object at a time in memory that is used again, so
// that a page of hundreds of pods costs the text and one object. Any thread.
#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace lemmy::kube {

struct PageHead {
  std::string version;  // metadata.resourceVersion
  std::string next;     // metadata.continue; empty: this was the last page
  bool operator==(const PageHead&) const = default;
};

// A Kubernetes list (PodList and the like): item() for each of items, in order. Fails with rejected when it
// is none; items before the fault have been given then.
Result<PageHead> read_page(std::string_view body, const std::string& where,
                           const std::function<void(const json::object&)>& item);

// One JSON object; `use` sees it only while it is called. Fails with invalid.
Result<> read_object(std::string_view text, const std::string& where,
                     const std::function<void(const json::object&)>& use);

}  // namespace lemmy::kube
