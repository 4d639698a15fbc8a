#pragma once
// What differs between two deploys of a target, field by field. Pure.
#include "manifest/explain.h"

namespace lemmy::manifest {

struct FieldChange {
  std::string object;  // "final", a kind, or "variables" of a deploy to hosts
  Change change;
  std::string from;       // of the new value, or of the old one when it is gone; may be empty
  bool by_build = false;  // every input that it follows is one of the build's
};

// Manifests by their kind; the ConfigMap's copy, which has the same content, is left out.
json::object by_kind(const Manifests& manifests);
json::object by_kind(const json::array& stored);
// How many pods an autoscaled deploy has is no matter of its configuration: taken out of both sides.
void leave_out_pods(json::object& before, json::object& after);

std::vector<FieldChange> compare(const json::object& before, const json::object& after);
// Says where the fields come from. `fresh` as in to_json of an explanation, of the new ones; `old` of those
// that are gone.
void add_origins(std::vector<FieldChange>& changes, const json::object& fresh, const json::object& old);
json::array to_json(const std::vector<FieldChange>& changes);
std::string_view kind_of(const Change& change);  // "added", "removed", "changed"
// Both values, at most `width` bytes each, from shortly before where they begin to differ; "-" for none.
std::pair<std::string, std::string> shown_values(const Change& change, size_t width);

// What a deploy sent, as its documents have it.
struct Sent {
  json::value final;
  json::array manifests;
  json::object origins;  // "objects" of the document; empty: not known
};
// What an earlier deploy sent, with the names, labels and numbers of another.
void stamp_again(json::array& manifests, Stamp stamp);
// The fields that differ though neither is stamped, nor sized by what was live. A field of the final JSON
// stands for the same one of the manifests. `stamp`: any one, that both are given.
std::vector<FieldChange> what_differs(Sent before, const Sent& after, const Stamp& stamp);

// Each container's image: [{"container", "before"|null, "after"|null, "state": "same_digest | other_digest |
// same_tag | other | added | removed", "text"}]. By the references alone: no registry is asked.
json::array compare_images(const json::array& before, const json::array& after);

struct Scale {
  int replicas = 1;      // of the controller
  int min = 0, max = 0;  // of the autoscaler; 0: none
};
Scale scale_of(const json::array& manifests);

}  // namespace lemmy::manifest
