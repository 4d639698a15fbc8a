#pragma once
// Inside room playground: the HTTP side of the simulated API server.
#include "net/server.h"
#include "playground/selector.h"
#include "playground/world.h"

namespace lemmy::playground {

// One request. The world outlives its coroutines by the shared pointer.
Task<net::Response> handle(std::shared_ptr<World> world, net::Request request);

net::Response reply(int status, std::string body);
net::Response reply(const Failure& failure);

struct Selectors {
  LabelSelector labels;
  FieldSelector fields;
  std::string ns;  // empty: all

  static Answer<Selectors> read(const net::Request& request, const Route& route);
  bool match(const Object& o) const {
    return (ns.empty() || o.ns == ns) && labels.matches(o.labels()) && fields.matches(o);
  }
};

// api_watch.cpp
net::Response watch(std::shared_ptr<World> world, const net::Request& request, const Route& route);
net::Response log(std::shared_ptr<World> world, const net::Request& request, const Route& route);
// api_write.cpp
net::Response write(World& world, const net::Request& request, const Route& route);
net::Response scale(World& world, const net::Request& request, const Route& route);
net::Response remove(World& world, const net::Request& request, const Route& route);
// api_scale.cpp, what all writing requests share: dryRun=All; the body as an object; 409 when the body names
// another resourceVersion or uid than what is there.
bool dry(const net::Request& request);
Answer<json::object> read_body(const net::Request& request);
Answer<> check_version(const json::object& body, const Route& to, const Stored& before);
// Metadata-only fetches: PartialObjectMetadata is asked for instead of the object.
bool asks_metadata(const net::Request& request);
json::object metadata_of(const Object& object);
// table.cpp: what kubectl prints.
bool asks_table(const net::Request& request);
json::object table(const Resource& what, const std::vector<Stored>& objects, const std::string& version);

}  // namespace lemmy::playground
