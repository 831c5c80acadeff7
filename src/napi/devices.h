#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/backend.h"
#include "cpu/isa.h"
#include "napi/values.h"

namespace honeybee {

/// Which device computes, and how.
struct DeviceOptions {
  std::string device = "cpu";
  std::string library;           ///< path of the backend library of any other device
  size_t memory = 0;             ///< bytes that may be held on that device, 0: what it has
  int threads = 0;               ///< of the CPU, 0: as many as this process may run on
  bool batch_invariant = false;  ///< a row's bits do not depend on the rows beside it, in bf16 too
  std::optional<cpu::Isa> isa = std::nullopt;  ///< of the CPU's kernels; default: HONEYBEE_ISA, else the best
};

/// A device of this machine.
struct DeviceInfo {
  std::string name;            ///< what `device` may say
  std::string description;     ///< one line for people
  std::string problem;         ///< why it cannot be used; empty if it can
  std::vector<cpu::Isa> isas;  ///< what `isa` may say; empty where it does not apply
};

DeviceInfo describe_cpu();

/// The devices of a backend library, named by its kind: "cuda:0", "cuda:1", …, or "simt". Throws
/// Error(kDevice) saying why there is none.
std::vector<DeviceInfo> list_devices(const std::string& kind, const std::string& library);

/// What a backend library says about the libraries that it opens itself. Throws Error(kDevice).
std::vector<std::string> library_notes(const std::string& library);

/// {device, library?, memory?, threads?, batchInvariant?, isa?}. Throws Error(kOption) for a value out of
/// range, Error(kDevice) for a device that is not known.
DeviceOptions read_device_options(const ObjectReader& options);

/// The one place where a device comes to life. To be used and destroyed on the calling thread.
std::unique_ptr<Backend> open_backend(const DeviceOptions& options);

}  // namespace honeybee
