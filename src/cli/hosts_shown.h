#pragma once
// Inside room cli: the hosts of a playbook run, for people.
#include <cstdio>

#include "base/json.h"

namespace lemmy::cli {

// Of a status, its "hosts". Those that failed first, then those that are not done; of many that are well only
// how many there are.
void print_hosts(std::FILE* to, const json::object& hosts);
// "task 'Restart': 1 running, 2 waiting" while it goes on; empty: it does not.
std::string run_line(const json::object& hosts);

}  // namespace lemmy::cli
