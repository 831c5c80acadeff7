#include "goldens.h"

#include <chrono>
#include <filesystem>

#include "support/child.h"

namespace honeybee::gpu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kGoldens = "dist/test/model-goldens.test.js";

}  // namespace

Outcome check_goldens(const std::string& device, double seconds) {
  Outcome outcome;
  outcome.check = "goldens of whole models";
  if (!std::filesystem::exists(kGoldens)) {
    outcome.note = std::string("not run: ") + kGoldens + " is not below this folder";
    return outcome;
  }
  if (first_line({"node", "--version"}).empty()) {
    outcome.note = "not run: Node is not on PATH";
    return outcome;
  }
  const Clock::time_point begin = Clock::now();
  const ChildEnd end = run({.command = {"node", kGoldens},
                            .environment = {"HONEYBEE_TEST_DEVICE=" + device},
                            .seconds = seconds,
                            // The verdicts of tests in tests are indented.
                            .on_line = [&](const std::string& line) {
                              outcome.passed += line.starts_with("ok ") ? 1 : 0;
                              outcome.failed += line.starts_with("not ok ") ? 1 : 0;
                            }});
  if (end.timed_out) outcome.note = "stopped after its time";
  if (end.code != 0 && outcome.failed == 0) outcome.failed = 1;
  if (outcome.failed > 0) outcome.failures.push_back(end.output);
  outcome.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return outcome;
}

}  // namespace honeybee::gpu
