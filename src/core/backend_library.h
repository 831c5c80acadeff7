#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"

namespace honeybee {

/// A device that a backend library found.
struct BackendDevice {
  int index = 0;
  std::string description;  ///< one line for people
  size_t memory = 0;        ///< bytes
  std::string problem;      ///< why it cannot be used; empty if it can
};

struct BackendOptions {
  std::string name;              ///< what Backend::name() will say: "cuda:0", "simt"
  int index = 0;                 ///< which device of the library
  size_t memory = 0;             ///< bytes that may be held on it; 0: what it has
  bool batch_invariant = false;  ///< a row's bits never depend on the rows beside it
};

/// A device backend that is built and shipped apart (honeybee-cuda.so, honeybee-simt.so). Opened once a
/// process and never closed. It exports, with C names, honeybee_backend_abi, which is compared before
/// anything else is called, honeybee_backend_devices, honeybee_backend_notes and honeybee_backend_make.
class BackendLibrary {
 public:
  /// Throws Error(kDevice) naming the file: missing, not loadable, or of another build of honeybee.
  static const BackendLibrary& open(const std::string& path);

  /// Every device; throws Error(kDevice) saying why there is none.
  std::vector<BackendDevice> devices() const { return devices_(); }
  /// Lines for people on the libraries that it opens itself: which it uses, or what it tried.
  std::vector<std::string> notes() const { return notes_(); }
  /// To be used and destroyed on the calling thread. Throws Error(kDevice), Error(kOutOfMemory).
  std::unique_ptr<Backend> make_backend(const BackendOptions& options) const {
    return std::unique_ptr<Backend>(make_(options));
  }

 private:
  explicit BackendLibrary(const std::string& path);

  std::vector<BackendDevice> (*devices_)();
  std::vector<std::string> (*notes_)();
  Backend* (*make_)(const BackendOptions&);
};

/// What both sides must have in common: a hash of the headers of src/core and the version.
const char* backend_abi();

}  // namespace honeybee
