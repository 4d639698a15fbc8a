// Says loudly how much was not tested, where an emulator is missing; 77 (skipped) when nothing was.
#include <gtest/gtest.h>

#include <iostream>

#include "emulator.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  int failed = RUN_ALL_TESTS();
  const auto& all = *testing::UnitTest::GetInstance();
  int skipped = all.skipped_test_count();
  using lemmy::store::Emulator;
  for (auto [kind, name] : {std::pair{Emulator::Kind::datastore, "Datastore"},
                            std::pair{Emulator::Kind::firestore, "Firestore in Datastore mode"}})
    if (lemmy::store::find_jar(kind).empty())
      std::cout << "\nNOT TESTED: the emulator of " << name
                << " is not on this machine. Install it by\n  gcloud components"
                << " install cloud-datastore-emulator cloud-firestore-emulator\nor name its jar in "
                << "LEMMY_DATASTORE_EMULATOR or LEMMY_FIRESTORE_EMULATOR.\n";
  std::cout << "stores on Google's emulators: " << all.successful_test_count() << " passed, " << skipped
            << " SKIPPED, " << all.failed_test_count() << " failed\n";
  if (failed == 0 && skipped > 0 && all.successful_test_count() == 0) return 77;
  return failed;
}
