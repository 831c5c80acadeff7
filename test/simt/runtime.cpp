#include "runtime.h"

#include <cstdlib>
#include <exception>

#include "cuda/check.h"
#include "kernel_fault.h"
#include "queue.h"
#include "runtime_exports.h"

namespace honeybee::simt {
namespace {

int setting(const char* name, int unless_set) {
  const char* value = std::getenv(name);
  return value == nullptr ? unless_set : std::atoi(value);
}

}  // namespace

DriverSettings DriverSettings::read() {
  const int capability = setting("HONEYBEE_SIMT_CAPABILITY", 90);
  return {.devices = setting("HONEYBEE_SIMT_DEVICES", 1),
          .version = setting("HONEYBEE_SIMT_DRIVER", kRuntimeVersion),
          .major = capability / 10,
          .minor = capability % 10,
          .multiprocessors = setting("HONEYBEE_SIMT_MULTIPROCESSORS", 4)};
}

Runtime& runtime() {
  // Never destroyed: static objects of others may free device memory at exit.
  static auto* const state = new Runtime;
  return *state;
}

int& current_device() {
  static thread_local int device = 0;
  return device;
}

cudaError_t& last_error() {
  static thread_local cudaError_t error = cudaSuccess;
  return error;
}

cudaError_t Runtime::admit(Call call) {
  // Work on a stream may not call the runtime.
  if (running_) return cudaErrorNotPermitted;
  const DriverSettings settings = DriverSettings::read();
  if (settings.version < kRuntimeVersion) return cudaErrorInsufficientDriver;
  if (settings.devices <= 0) return cudaErrorNoDevice;
  if (const std::optional<cudaError_t> injected = injections.count(call)) return *injected;
  return device_error(current_device());
}

void Runtime::run(int device, const Work& work) {
  if (const std::optional<cudaError_t> injected = injections.count(Call::kKernel)) {
    fail_device(device, *injected, std::string("a fault was injected into ") + work.name);
    return;
  }
  running_ = true;
  try {
    work.run();
    running_ = false;
  } catch (const std::exception& error) {
    running_ = false;
    fail_device(device, cudaErrorLaunchFailure, error.what());
  }
}

void Runtime::fail_device(int device, cudaError_t error, const std::string& text) {
  device_errors_.emplace(device, error);
  if (fault_text_.empty()) fault_text_ = text;
  streams.drop(device);
}

cudaError_t Runtime::device_error(int device) const {
  const auto found = device_errors_.find(device);
  return found == device_errors_.end() ? cudaSuccess : found->second;
}

void Runtime::reset_faults() {
  injections.reset();
  device_errors_.clear();
  fault_text_.clear();
}

cudaError_t try_enqueue(cudaStream_t stream, const char* name, std::function<void()> work) {
  return api(Call::kLaunch, [&] { return queue_work(stream, {.name = name, .run = std::move(work)}); });
}

void enqueue(cudaStream_t stream, const char* name, std::function<void()> work) {
  const cudaError_t status = try_enqueue(stream, name, std::move(work));
  if (status != cudaSuccess)
    cuda::fail_cuda(status, (std::string("launch of ") + name).c_str(), __FILE__, __LINE__);
}

void check_memory() {
  const std::scoped_lock lock(runtime().mutex);
  runtime().heap.check();
}

std::string describe_address(const void* address) {
  const std::scoped_lock lock(runtime().mutex);
  return runtime().heap.describe(address);
}

std::string last_fault() {
  const std::scoped_lock lock(runtime().mutex);
  return runtime().fault_text();
}

}  // namespace honeybee::simt

using honeybee::simt::runtime;

void honeybee_simt_inject(const char* what, int64_t at) {
  const std::scoped_lock lock(runtime().mutex);
  if (!runtime().injections.set(what, at)) std::abort();
}

int64_t honeybee_simt_calls(const char* what) {
  const std::scoped_lock lock(runtime().mutex);
  return runtime().injections.calls(what);
}

void honeybee_simt_reset_faults() {
  const std::scoped_lock lock(runtime().mutex);
  runtime().reset_faults();
  honeybee::simt::last_error() = cudaSuccess;
}

const char* honeybee_simt_last_fault() {
  static thread_local std::string text;
  text = honeybee::simt::last_fault();
  return text.c_str();
}

int64_t honeybee_simt_live(const char* what) {
  const std::scoped_lock lock(runtime().mutex);
  const auto& state = runtime();
  const std::string name = what;
  if (name == "allocations") return state.heap.count();
  if (name == "bytes") return static_cast<int64_t>(state.heap.used());
  if (name == "pinned allocations") return state.pinned.count();
  if (name == "pinned bytes") return state.pinned.bytes();
  if (name == "streams") return state.streams.count();
  if (name == "events") return static_cast<int64_t>(state.events.size());
  if (name == "graphs") return static_cast<int64_t>(state.graphs.graphs.size() + state.graphs.execs.size());
  if (name == "queued") return state.streams.queued();
  if (name == "descriptors") return state.descriptors;
  return -1;
}
