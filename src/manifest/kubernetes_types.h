#pragma once
// Inside room manifest: kubernetes_schema.json, read once. Thread-safe.
#include <map>
#include <string>
#include <vector>

namespace lemmy::manifest {

struct Type {
  std::map<std::string, std::string, std::less<>> fields;  // name: type, as tools/kubernetes-schema.py has it
  std::vector<std::string> names, required;
  std::map<std::string, std::vector<std::string>, std::less<>> keys;   // of lists whose items differ by these
  std::map<std::string, std::vector<std::string>, std::less<>> enums;  // what a field, or its items, can be
};

struct Types {
  std::string version;
  std::map<std::string, std::string, std::less<>> kinds;  // "apps/v1/Deployment": type
  std::map<std::string, Type, std::less<>> types;
};

const Types& kubernetes();

}  // namespace lemmy::manifest
