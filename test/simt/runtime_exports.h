#pragma once
#include <cstdint>

#include "exports.h"

/// Makes calls of the runtime fail. `what` is a kind of call, and `at` which call of that kind from now on
/// (1: the next). A number behind a colon is the error to return ("launch:700").
///
///   allocation   cudaMalloc, cudaMallocHost, cudaHostAlloc; unless given, cudaErrorMemoryAllocation
///   launch       kernels, products, graphs, host functions; cudaErrorLaunchFailure
///   copy         cudaMemcpy…, cudaMemset…; cudaErrorInvalidValue
///   synchronize  …Synchronize, …Query; cudaErrorLaunchFailure
///   other        what creates, selects or asks; cudaErrorUnknown
///   any          all of the above; cudaErrorUnknown
///   kernel       queued work, when it runs: a fault of the device, which lasts
///   lost         from that call (of any kind) on every call fails, releases too: cudaErrorDevicesUnavailable
///
/// What releases something is never refused, but reports a lost or faulty device. `at` 0 takes an injection
/// back. An unknown kind ends the process.
SIMT_EXPORT void honeybee_simt_inject(const char* what, int64_t at);

/// Calls of a kind (as above, "lost" excepted) since the last reset.
SIMT_EXPORT int64_t honeybee_simt_calls(const char* what);

/// Forgets injections, counts of calls, faults, and errors of the calling thread. What exists goes on.
SIMT_EXPORT void honeybee_simt_reset_faults();

/// The text of the first fault since the last reset; empty if there was none.
SIMT_EXPORT const char* honeybee_simt_last_fault();

/// What is alive: "allocations" and "bytes" of device memory, "pinned allocations" and "pinned bytes" of host
/// memory, "streams", "events", "graphs" (instantiated or not), "queued" pieces of work, "descriptors" of
/// cuBLASLt. -1 for another word.
SIMT_EXPORT int64_t honeybee_simt_live(const char* what);
