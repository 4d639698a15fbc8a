#pragma once
// The pages: what runs where, a project, a deploy's status; they work without JavaScript and update by
// server-sent events.
#include "live/board.h"
#include "route/router.h"

namespace lemmy::web {

// Adds pages, forms, streams and assets to the table, and the HTML of errors.
void add_pages(route::Router& router, live::Services services);

}  // namespace lemmy::web
