#pragma once
#include <string>
#include <vector>

#include "support/machine.h"

namespace honeybee::gpu {

/// What one group of checks found.
struct Outcome {
  std::string check;
  int passed = 0;
  int failed = 0;
  double seconds = 0.0;
  std::string note;                   ///< why nothing ran, what was left out, what was slow
  std::vector<std::string> failures;  ///< a paragraph each
};

/// The page of all outcomes in Markdown, without the closing line.
std::string page(const Machine& machine, const std::vector<Outcome>& outcomes);

/// "N passed, N failed" over all of them.
std::string closing_line(const std::vector<Outcome>& outcomes);

/// Whether something passed and nothing failed.
bool all_passed(const std::vector<Outcome>& outcomes);

}  // namespace honeybee::gpu
