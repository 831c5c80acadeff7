#pragma once
#include <map>
#include <set>
#include <string>

namespace honeybee::testing {

/// Which tests launched each compiled instantiation of a CUDA kernel on the simulator.
class KernelLog {
 public:
  /// Reads the names of all kernels from the simulator library; none where it is not built.
  KernelLog();

  /// To be called after each test.
  void note(const char* test);
  /// Prints the table kernel × tests; returns how many kernels no test launched.
  int print() const;

 private:
  std::map<std::string, std::set<std::string>> tests_;  ///< by kernel
};

}  // namespace honeybee::testing
