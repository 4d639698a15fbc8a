// The suite that every backend passes, on both of Google's emulators.
#include "store/conformance.h"
#include "emulator.h"

namespace lemmy::store {
namespace {

BackendFactory on(const char* name, Emulator::Kind kind) {
  return {name, [kind](asio::any_io_executor loop) -> std::unique_ptr<Store> {
            Emulator* emulator = Emulator::shared(kind);
            auto skip = [] { GTEST_SKIP() << "this emulator is not on this machine"; };
            if (!emulator) return skip(), nullptr;
            return fresh_store(loop, emulator->host(), fresh_namespace(), kPatient);
          }};
}

INSTANTIATE_TEST_SUITE_P(Datastore, StoreConformance,
                         testing::Values(on("datastore", Emulator::Kind::datastore)));
INSTANTIATE_TEST_SUITE_P(Firestore, StoreConformance,
                         testing::Values(on("firestore", Emulator::Kind::firestore)));

}  // namespace
}  // namespace lemmy::store
