#pragma once
// Where things stand: paths of pages, and behind kApi those of the API. Names of projects and environments
// need no escaping (names.h). Pure.
#include <optional>

#include "domain/deploy.h"

namespace lemmy {

inline constexpr std::string_view kApi = "/api/v1";

std::string target_address(const Target& target);                  // "/projects/P/environments/E"
std::string deploy_address(const Target& target, int64_t number);  // ".../deploys/N"
// The number of a deploy as an address has it; nullopt: it is none, they count from 1.
std::optional<int64_t> deploy_number(std::string_view text);

}  // namespace lemmy
