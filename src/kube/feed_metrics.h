#pragma once
// Inside room kube: what /metrics says of a cluster's watches.
#include <string>

namespace lemmy::kube {

void begin_metrics(const std::string& cluster);
void end_metrics(const std::string& cluster);
void note_news(const std::string& cluster, const std::string& resource);
// ended: by the server in order, as each few minutes. lost: refused, reset, silent. stale: it stood, but did
// not tell what another connection told.
void note_reconnect(const std::string& cluster, const char* reason);

}  // namespace lemmy::kube
