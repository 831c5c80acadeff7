#pragma once
#include <functional>
#include <string>

#include "runtime_api.h"

/// What the simulated runtime offers to those who put work on streams.
namespace honeybee::simt {

/// Puts `work` on a stream. It runs when somebody waits for the stream, or goes into the graph that is being
/// captured from it. An exception that leaves `work` becomes a sticky cudaErrorLaunchFailure whose text is
/// the exception's. `name` must live as long as the process. Throws Error(kDevice) where a kernel launch
/// returns an error.
void enqueue(cudaStream_t stream, const char* name, std::function<void()> work);

/// The same for library calls, which report errors by value.
cudaError_t try_enqueue(cudaStream_t stream, const char* name, std::function<void()> work);

/// Throws KernelFault naming allocation and offset if memory was written that is no allocation's.
void check_memory();

/// Where this address lies: "byte 64 of allocation 12, which has 48 bytes" (with "and was freed" behind it
/// where that is so), or "no device memory".
std::string describe_address(const void* address);

/// The text of the first fault of a kernel since the process began or faults were reset; empty if none.
std::string last_fault();

}  // namespace honeybee::simt
