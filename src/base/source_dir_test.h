#pragma once
// For tests that read files of the checkout.

namespace lemmy {

// The checkout's absolute path. Defined in one generated unit (cmake/rooms.cmake), so that all others compile
// to the same in every checkout, and ccache serves them to one another.
extern const char kSourceDir[];

}  // namespace lemmy
