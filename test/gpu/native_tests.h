#pragma once
#include <map>
#include <string>
#include <vector>

#include "outcome.h"
#include "support/child.h"

namespace honeybee::gpu {

/// The tests of honeybee-native-test that run on every device, by name, in their order.
/// Throws Error(kDevice) if the program is not beside this one.
std::vector<std::string> list_device_tests();

/// What a run of some of them printed.
struct NativeRun {
  struct Test {
    bool ok = false;
    double seconds = 0.0;
    std::string details;  ///< what the test printed before its verdict
  };
  std::map<std::string, Test> tests;  ///< those that came to an end
  ChildEnd end;
};

/// Runs the named tests on a device in one process. `before`: a program and its options to run it under.
NativeRun run_native(const std::string& device, const std::vector<std::string>& names, double seconds,
                     const std::vector<std::string>& before = {});

/// Runs tests and judges each. After a failure or a crash, which on a GPU can break whatever the process does
/// later, the tests behind it run in a new process. Adds the seconds of each test that ended to `times`.
Outcome check_tests(const std::string& check, const std::string& device, std::vector<std::string> names,
                    double seconds, std::map<std::string, double>& times);

}  // namespace honeybee::gpu
