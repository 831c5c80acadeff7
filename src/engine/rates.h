#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/backend.h"

namespace honeybee {

/// What a device reaches on operations that one resource alone bounds: the roofs of a roofline (Williams,
/// Waterman and Patterson 2009), measured and not taken from a data sheet. Per second.
struct DeviceRates {
  double copy = 0.0;     ///< bytes read plus bytes written by `copy` between two activation matrices
  double read = 0.0;     ///< bytes of weights read by `linear` with one row, which writes next to nothing
  double product = 0.0;  ///< floating-point operations of `linear` with many rows; a multiply-add is two
};

/// How much work the rates are measured on.
struct RateOptions {
  size_t stream_bytes = size_t{256} << 20;  ///< of a copy, and of the weights of a read: beyond any cache
  int64_t width = 4096;                     ///< in and out of the weights
  int64_t rows = 512;                       ///< of the product
  int samples = 5;                          ///< of each rate, whose fastest counts
  double sample_seconds = 0.02;  ///< at least; far above the cost of starting and awaiting a kernel
  const std::atomic<bool>* interrupt = nullptr;  ///< set it to stop within a sample or two
};

/// Measures the rates of a backend, products and reads with weights of that dtype. Takes about
/// `stream_bytes` of its memory for a while. Throws Error(kOutOfMemory), and Interrupted when told to stop.
DeviceRates measure_rates(Backend& backend, Dtype weights, const RateOptions& options = {});

}  // namespace honeybee
