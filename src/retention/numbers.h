#pragma once
// The highest number of a deploy that an archive has of each target: none up to it may be given again, also
// when the store was restored from before or is new.
#include <atomic>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "domain/deploy.h"

namespace lemmy::retention {

using Numbers = std::map<Target, int64_t>;

// Reads what is in the archive: the first time all of it, then what was appended since, for what was read is
// noted in DIR/numbers.json. A note that is missing, damaged or cannot be written costs only time. A file
// that is torn or damaged is read up to there; lines that are none of Lemmy's are left out. No folder: no
// numbers. Blocks: not on the loop thread. Errors: unavailable (a file that cannot be read); cancelled, soon
// after `stop` was set.
Result<Numbers> archived_numbers(const std::filesystem::path& dir, const std::atomic<bool>& stop);

}  // namespace lemmy::retention
