#pragma once
#include <cstddef>
#include <cstdint>

/// What the simulator library offers to tests by symbol, beside the backend itself. Texts belong to the
/// library and live until the calling OS thread asks for the same one again.
#define SIMT_EXPORT extern "C" __attribute__((visibility("default")))

/// One line "kernel\tlaunches\n" for each kernel launched since the last reset. The name is demangled,
/// without return type and parameters: "honeybee::cuda::rms_norm_kernel<float, 256>".
SIMT_EXPORT const char* honeybee_simt_launches();
/// The same kernels with all counters (statistics.h) as a table with a head line, tab-separated.
SIMT_EXPORT const char* honeybee_simt_statistics();
SIMT_EXPORT void honeybee_simt_reset_launches();

/// `order` is "forward", "reverse" or "random"; 0 on success, 1 for another word or a thread count below 1.
SIMT_EXPORT int honeybee_simt_set_schedule(const char* order, uint64_t seed, int os_threads);
/// Back to what the environment says.
SIMT_EXPORT void honeybee_simt_reset_schedule();

/// Runs a kernel of planted.cu with one fault (0 is none) at once. Returns 0 if what it computes is right, 1
/// if it is wrong, 2 if a fault is reported (then `message` holds its text, cut to `capacity` bytes), -1 if
/// there is no such fault.
SIMT_EXPORT int honeybee_simt_planted(int fault, char* message, size_t capacity);
/// nullptr beyond the last fault.
SIMT_EXPORT const char* honeybee_simt_planted_name(int fault);

/// Runs the kernels of semantics.cu. Returns "" or the name of the first result that is not as CUDA defines
/// it.
SIMT_EXPORT const char* honeybee_simt_semantics();
