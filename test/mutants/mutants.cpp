#include "mutants.h"

#include <cstdio>
#include <cstdlib>

namespace {

constexpr int kMost = 4096;

int chosen() {
  // Failures are to be read as they happen, so that the run can be ended at the first.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const char* const number = std::getenv("HONEYBEE_MUTANT");
  return number != nullptr ? std::atoi(number) : 0;
}

/// At the end of the program the bytes of honeybee_mutant_seen go to the file HONEYBEE_MUTANTS_SEEN, if it is
/// named.
struct AtExit {
  ~AtExit() {
    const char* const path = std::getenv("HONEYBEE_MUTANTS_SEEN");
    std::FILE* const file = path != nullptr ? std::fopen(path, "wb") : nullptr;
    if (file == nullptr) return;
    std::fwrite(honeybee_mutant_seen, 1, kMost, file);
    std::fclose(file);
  }
} at_exit;

}  // namespace

int honeybee_mutant = chosen();
unsigned char honeybee_mutant_seen[kMost];
