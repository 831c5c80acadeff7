#include "outcome.h"

#include <cstdio>
#include <sstream>

namespace honeybee::gpu {
namespace {

std::pair<int, int> totals(const std::vector<Outcome>& outcomes) {
  int passed = 0;
  int failed = 0;
  for (const Outcome& outcome : outcomes) {
    passed += outcome.passed;
    failed += outcome.failed;
  }
  return {passed, failed};
}

}  // namespace

std::string page(const Machine& machine, const std::vector<Outcome>& outcomes) {
  std::ostringstream out;
  out << "# GPU check\n\n" << headline(machine) << "\n\n";
  out << "| check | passed | failed | s | note |\n|---|---|---|---|---|\n";
  for (const Outcome& outcome : outcomes) {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.1f", outcome.seconds);
    out << "| " << outcome.check << " | " << outcome.passed << " | " << outcome.failed << " | " << seconds
        << " | " << outcome.note << " |\n";
  }
  for (const Outcome& outcome : outcomes) {
    for (const std::string& failure : outcome.failures) {
      out << "\n## " << outcome.check << "\n\n```\n" << failure << "\n```\n";
    }
  }
  return out.str();
}

std::string closing_line(const std::vector<Outcome>& outcomes) {
  const auto [passed, failed] = totals(outcomes);
  return std::to_string(passed) + " passed, " + std::to_string(failed) + " failed";
}

bool all_passed(const std::vector<Outcome>& outcomes) {
  const auto [passed, failed] = totals(outcomes);
  return passed > 0 && failed == 0;
}

}  // namespace honeybee::gpu
