#pragma once
// What an API server warns of beside its answer: PodSecurity, fields that are deprecated or unknown.
#include <string>
#include <vector>

#include "net/http.h"

namespace lemmy::kube {

// The texts of all `Warning` headers of code 299, each once and at most 2 KiB, at most 50. What is no proper
// header is passed over. https://www.rfc-editor.org/rfc/rfc7234#section-5.5
std::vector<std::string> warnings_in(const net::Headers& headers);

}  // namespace lemmy::kube
