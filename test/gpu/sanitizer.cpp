#include "sanitizer.h"

#include <algorithm>
#include <chrono>
#include <sstream>
#include <vector>

#include "native_tests.h"

namespace honeybee::gpu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kSanitizer = "compute-sanitizer";
constexpr const char* kFoundSomething = "86";  // its exit code; the tests' own are 0 and 1
constexpr double kSlowdown = 40.0;
constexpr size_t kShownLines = 40;

std::vector<std::string> quickest(const std::map<std::string, double>& times, double seconds) {
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [name, time] : times) order.emplace_back(time, name);
  std::ranges::sort(order);
  std::vector<std::string> names;
  for (const auto& [time, name] : order) {
    seconds -= kSlowdown * time;
    if (seconds < 0.0 && !names.empty()) break;
    names.push_back(name);
  }
  return names;
}

// What the tool itself says, which it marks.
std::string findings(const std::string& output) {
  std::istringstream lines(output);
  std::string text;
  size_t count = 0;
  for (std::string line; std::getline(lines, line) && count < kShownLines;) {
    if (!line.starts_with("=========")) continue;
    text += line + "\n";
    count++;
  }
  return text;
}

}  // namespace

Outcome check_sanitizer(const std::string& tool, const std::string& device,
                        const std::map<std::string, double>& times, double seconds) {
  Outcome outcome;
  outcome.check = tool;
  if (!device.starts_with("cuda")) {
    outcome.note = "not run: there is no GPU";
    return outcome;
  }
  if (first_line({kSanitizer, "--version"}).empty()) {
    outcome.note = "not run: compute-sanitizer is not on PATH";
    return outcome;
  }
  const Clock::time_point begin = Clock::now();
  const std::vector<std::string> names = quickest(times, seconds);
  std::vector<std::string> command = {kSanitizer, "--tool", tool, "--error-exitcode", kFoundSomething};
  // Tests that exhaust memory make calls that fail, on purpose.
  if (tool == "memcheck") command.insert(command.end(), {"--report-api-errors", "no"});
  const NativeRun result = run_native(device, names, seconds, command);
  for (const std::string& name : names) {
    const auto found = result.tests.find(name);
    if (found == result.tests.end()) continue;
    (found->second.ok ? outcome.passed : outcome.failed)++;
    if (!found->second.ok) outcome.failures.push_back(found->second.details);
  }
  const bool found_something = std::to_string(result.end.code) == kFoundSomething;
  const bool broke = !result.end.timed_out && result.end.code > 1;
  if (found_something || broke) {
    outcome.failed++;
    outcome.failures.push_back(findings(result.end.output));
  }
  outcome.note =
      "the quickest " + std::to_string(names.size()) + " of " + std::to_string(times.size()) + " tests";
  if (result.end.timed_out) outcome.note += "; stopped after its time";
  outcome.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return outcome;
}

}  // namespace honeybee::gpu
