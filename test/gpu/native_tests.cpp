#include "native_tests.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <sstream>

#include "core/error.h"
#include "support/device.h"

namespace honeybee::gpu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMostRestarts = 8;
constexpr size_t kNamedSlowest = 3;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string test_program() { return program_folder() + "/honeybee-native-test"; }

// Reads verdicts: "ok     NAME on DEVICE", "FAILED NAME on DEVICE"; what stands before one belongs to it.
class VerdictReader {
 public:
  explicit VerdictReader(NativeRun& run) : run_(run) {}

  void line(const std::string& text) {
    const bool ok = text.starts_with("ok     ");
    if (!ok && !text.starts_with("FAILED ")) {
      if (text.starts_with("  ")) details_ += text + "\n";
      return;
    }
    const std::string name = text.substr(7, text.find(" on ") - 7);
    NativeRun::Test& test = run_.tests[name];
    // Of several devices that fit the name, the worst counts.
    test.ok = ok && (test.details.empty() || test.ok);
    test.seconds += seconds_since(last_);
    test.details += text + "\n" + details_;
    details_.clear();
    last_ = Clock::now();
  }

 private:
  NativeRun& run_;
  std::string details_;
  Clock::time_point last_ = Clock::now();
};

// The tests that took longest, for the note.
std::string slowest(const std::vector<std::string>& names, const std::map<std::string, double>& times) {
  std::vector<std::pair<double, std::string>> order;
  for (const std::string& name : names) {
    if (const auto found = times.find(name); found != times.end()) order.emplace_back(found->second, name);
  }
  std::ranges::sort(order, std::greater<>());
  order.resize(std::min(order.size(), kNamedSlowest));
  std::string text;
  for (const auto& [seconds, name] : order) {
    char number[32];
    std::snprintf(number, sizeof number, " %.1f s", seconds);
    text += (text.empty() ? "slowest: " : ", ") + name + number;
  }
  return text;
}

std::string how_it_ended(const ChildEnd& end) {
  if (end.timed_out) return "was stopped, its time was over";
  if (end.code > 128) return "was ended by signal " + std::to_string(end.code - 128);
  return "left with exit code " + std::to_string(end.code);
}

}  // namespace

std::vector<std::string> list_device_tests() {
  const ChildEnd end =
      run({.command = {test_program(), "--list"}, .environment = {}, .seconds = 60.0, .on_line = {}});
  require(end.code == 0, ErrorCode::kDevice, test_program(), " --list failed:\n", end.output);
  std::vector<std::string> names;
  std::istringstream lines(end.output);
  const std::string mark = " (each device)";
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with(mark)) names.push_back(line.substr(0, line.size() - mark.size()));
  }
  return names;
}

NativeRun run_native(const std::string& device, const std::vector<std::string>& names, double seconds,
                     const std::vector<std::string>& before) {
  NativeRun result;
  VerdictReader reader(result);
  Child child;
  child.command = before;
  child.command.insert(child.command.end(), {test_program(), "--device", device});
  child.command.insert(child.command.end(), names.begin(), names.end());
  child.seconds = seconds;
  child.on_line = [&](const std::string& line) { reader.line(line); };
  result.end = run(child);
  return result;
}

Outcome check_tests(const std::string& check, const std::string& device, std::vector<std::string> names,
                    double seconds, std::map<std::string, double>& times) {
  Outcome outcome;
  outcome.check = check;
  const Clock::time_point begin = Clock::now();
  const std::vector<std::string> all = names;
  for (int restarts = 0; !names.empty(); restarts++) {
    const NativeRun result = run_native(device, names, std::max(1.0, seconds - seconds_since(begin)));
    size_t judged = 0;
    for (bool clean = true; judged < names.size() && (clean || restarts >= kMostRestarts); judged++) {
      const auto found = result.tests.find(names[judged]);
      if (found == result.tests.end()) {
        outcome.failed++;
        outcome.failures.push_back(names[judged] + " was not finished: the program " +
                                   how_it_ended(result.end) + "\n" +
                                   result.end.output.substr(result.end.output.rfind("ok     ") + 1));
        clean = false;
        continue;
      }
      times[names[judged]] = found->second.seconds;
      clean = found->second.ok;
      (clean ? outcome.passed : outcome.failed)++;
      if (!clean) outcome.failures.push_back(found->second.details);
    }
    names.erase(names.begin(), names.begin() + static_cast<ptrdiff_t>(judged));
    if (seconds_since(begin) > seconds) break;
  }
  if (!names.empty()) {
    outcome.failed += static_cast<int>(names.size());
    outcome.failures.push_back("no time left for " + std::to_string(names.size()) + " tests from " +
                               names.front() + " on");
  }
  outcome.seconds = seconds_since(begin);
  outcome.note = slowest(all, times);
  return outcome;
}

}  // namespace honeybee::gpu
