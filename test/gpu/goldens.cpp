#include "goldens.h"

#include <chrono>
#include <filesystem>

#include "support/child.h"

namespace honeybee::gpu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kGoldens = "dist/test/cuda-goldens.test.js";

}  // namespace

Outcome check_goldens(const std::string& device, double seconds) {
  Outcome outcome;
  outcome.check = "goldens of whole models";
  if (!device.starts_with("cuda")) {
    outcome.note = "not run: there is no GPU; `npm test` has them on the simulator";
    return outcome;
  }
  if (!std::filesystem::exists(kGoldens)) {
    outcome.note = std::string("not run: ") + kGoldens + " is not below this folder";
    return outcome;
  }
  if (first_line({"node", "--version"}).empty()) {
    outcome.note = "not run: Node is not on PATH";
    return outcome;
  }
  const std::string name = device == "cuda" ? "cuda:0" : device;
  // Verdicts of the cases, "ok 2 - resampler on cuda:0"; those of the checks in them are indented.
  const auto count = [&](const std::string& line) {
    if (line.find(" on " + name) == std::string::npos) return;
    outcome.passed += line.starts_with("ok ") ? 1 : 0;
    outcome.failed += line.starts_with("not ok ") ? 1 : 0;
  };
  const Clock::time_point begin = Clock::now();
  const ChildEnd end = run({.command = {"node", kGoldens},
                            .environment = {"HONEYBEE_TEST_DEVICE=" + name},
                            .seconds = seconds,
                            .on_line = count});
  if (end.timed_out) outcome.note = "stopped after its time";
  const bool incomplete = end.code != 0 || outcome.passed == 0;
  if (incomplete && outcome.failed == 0) outcome.failed = 1;
  if (outcome.failed > 0) outcome.failures.push_back(end.output);
  outcome.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return outcome;
}

}  // namespace honeybee::gpu
