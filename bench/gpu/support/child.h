#pragma once
#include <functional>
#include <string>
#include <vector>

namespace honeybee::gpu {

/// A program to run and how it ended.
struct Child {
  std::vector<std::string>
      command;  ///< the program, looked up on PATH, and its arguments; no shell sees them
  std::vector<std::string> environment;                  ///< "NAME=value", in addition to this process's own
  double seconds = 60.0;                                 ///< then it is killed
  std::function<void(const std::string& line)> on_line;  ///< gets each line as it comes
};

struct ChildEnd {
  int code = 0;  ///< 127 when it could not be started, 128 + n when signal n ended it
  bool timed_out = false;
  std::string output;  ///< stdout and stderr as they came
};

/// Runs the program to its end. Throws Error(kDevice) only when this process can start none at all.
ChildEnd run(const Child& child);

/// The first line that the program prints, or "" if it fails or is not there.
std::string first_line(const std::vector<std::string>& command);

}  // namespace honeybee::gpu
