#include "web/fragments.h"

namespace lemmy::web {
namespace {
constexpr size_t kMostKept = 32;  // patches: nearly all viewers have one of the last few contents
}

Fragment::Fragment(std::string page, std::string html)
    : page_(std::move(page)),
      html_(std::move(html)),
      outline_(std::make_shared<const Outline>(outline_of(html_, page_))) {}

net::SharedPiece Fragment::whole() const {
  if (whole_) return whole_;
  const json::object data{{"page", page_},
                          {"to", outline_->id},
                          {"title", outline_->title},
                          {"html", std::string_view(html_).substr(outline_->elements[0].begin)}};
  whole_ = net::piece(net::sse_event("main", outline_->id, json::serialize(data)));
  return whole_;
}

net::SharedPiece Fragment::since(const Outline& old) const {
  if (since_.size() >= kMostKept && !since_.contains(old.id)) since_.clear();
  net::SharedPiece& kept = since_[old.id];
  if (kept) return kept;
  const Patch patch = patch_of(old, *outline_, html_);
  if (!patch.possible) return kept = whole();
  json::array gone, set, put;
  for (const std::string& id : patch.gone) gone.emplace_back(id);
  for (std::string_view element : patch.set) set.emplace_back(element);
  for (const Patch::Put& p : patch.put) put.push_back(json::array{p.parent, p.after, p.element});
  json::object data{{"page", page_}, {"from", old.id}, {"to", outline_->id}};
  if (old.title != outline_->title) data["title"] = outline_->title;
  data["gone"] = std::move(gone);
  data["set"] = std::move(set);
  data["put"] = std::move(put);
  std::string text = json::serialize(data);
  if (text.size() >= html_.size()) return kept = whole();
  return kept = net::piece(net::sse_event("patch", outline_->id, text));
}

}  // namespace lemmy::web
