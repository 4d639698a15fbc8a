#pragma once
// Where each field of what is sent comes from: the template's line that wrote it, the key of
// environments.json that it follows, or Lemmy's rule that stamped it. docs/provenance.md says what is exact.
#include "manifest/influence.h"
#include "manifest/manifest.h"

namespace lemmy::manifest {

struct Place {  // a part of a template; lines and columns from 1, in bytes
  std::string file;
  size_t line = 0, column = 0, end_line = 0, end_column = 0;  // the end is the last one of it
  std::string text;                                           // as the template has it, shortened
  bool literal = false;                                       // the value stands there as it is
  bool built_in = false;                                      // one of Lemmy's own standards
};

struct Key {         // an input that a field follows
  std::string key;   // staging.env.LOG_LEVEL of environments.json; or build.sha and the like
  std::string file;  // empty: not of a file
  int line = 0;
  How how = How::part;
};

struct Origin {
  std::string path;
  json::value value;
  std::string rule;            // stamped by Lemmy, by this rule; empty: it was not
  std::vector<Place> written;  // the project's template before the standard that passed its value on
  std::vector<Key> fed;        // in the order of the inputs
};

struct Explained {
  std::string object;  // "final", or a kind; the copy of the ConfigMap is left out
  std::vector<Origin> fields;
};

struct Explanation {
  Manifests manifests;  // those of an ordinary render
  std::vector<Explained> objects;
  bool complete = true;  // false: time ran out before every input was tried, so `fed` may lack some
};

// {"object": [{"path", "value", "rule" | "written": [...], "fed": [...]}], ...}
json::object to_json(const Explanation& explanation);
// Of one field, as to_json has it, on one line: "stamped by Lemmy: labels", or "FILE:LINE:COLUMN `text` <-
// key (FILE:LINE)".
std::string origin_line(const json::object& field);

// Of what to_json gave: the values are those of the manifests that were sent, which Lemmy stamped again or
// sized by what was live.
void say_sent(json::object& explanation, const json::array& manifests);

}  // namespace lemmy::manifest
