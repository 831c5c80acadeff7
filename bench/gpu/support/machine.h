#pragma once
#include <string>

namespace honeybee::gpu {

/// What a result needs to be compared later.
struct Machine {
  std::string device;  ///< as the backend describes it
  std::string driver;  ///< "" where nobody says
  std::string date;    ///< "2026-11-24", UTC
  std::string commit;  ///< ends in "+changes" when the working tree is another; "unknown" without git
};

/// Asks git and nvidia-smi where they are there. `commit`: what to say instead of asking git, unless empty.
Machine describe_machine(const std::string& device, const std::string& commit);

/// "gpu-bench-7b-nvidia-h200-2026-11-24" of "gpu-bench-7b": a file name without its ending.
std::string result_name(const std::string& kind, const Machine& machine);

/// The machine in one line of Markdown.
std::string headline(const Machine& machine);

}  // namespace honeybee::gpu
