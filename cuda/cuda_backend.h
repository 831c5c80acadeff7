#pragma once
#include <memory>

#include "core/backend_library.h"

namespace honeybee {

/// The backend of one GPU. Opened, used and destroyed on one thread. Throws Error(kDevice) naming what is
/// missing.
std::unique_ptr<Backend> make_cuda_backend(const BackendOptions& options);

}  // namespace honeybee
