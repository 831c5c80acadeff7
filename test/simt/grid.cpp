#include "grid.h"

#include <cxxabi.h>
#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"
#include "kernel_fault.h"
#include "multiprocessor.h"
#include "queue.h"
#include "schedule.h"
#include "shared_memory.h"
#include "statistics.h"

namespace honeybee::simt {

namespace {

/// Multiprocessors that no launch uses at present; their stacks are worth keeping.
class MultiprocessorPool {
 public:
  std::unique_ptr<Multiprocessor> take() {
    const std::scoped_lock lock(mutex_);
    if (idle_.empty()) return std::make_unique<Multiprocessor>();
    auto last = std::move(idle_.back());
    idle_.pop_back();
    return last;
  }
  void give_back(std::unique_ptr<Multiprocessor> multiprocessor) {
    const std::scoped_lock lock(mutex_);
    idle_.push_back(std::move(multiprocessor));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Multiprocessor>> idle_;
};

MultiprocessorPool& pool() {
  static auto* const multiprocessors = new MultiprocessorPool;  // a launch may outlive static objects
  return *multiprocessors;
}

/// "void name<float, 256>(float const*, int)" without return type and parameters.
std::string short_name(std::string_view demangled) {
  int depth = 0;
  size_t begin = 0, end = demangled.size();
  for (size_t i = 0; i < demangled.size(); i++) {
    const char c = demangled[i];
    // Namespaces without a name are written with parentheses too.
    if (demangled.substr(i).starts_with("(anonymous namespace)")) {
      i += std::string_view("(anonymous namespace)").size() - 1;
    } else if (c == '(' && depth == 0) {
      end = i;
      break;
    } else if (c == '<' || c == '(') {
      depth++;
    } else if (c == '>' || c == ')') {
      depth--;
    } else if (c == ' ' && depth == 0) {
      begin = i + 1;
    }
  }
  return std::string(demangled.substr(begin, end - begin));
}

std::string symbol_name(const void* kernel) {
  Dl_info info{};
  if (dladdr(kernel, &info) == 0 || info.dli_saddr != kernel) return "kernel without a visible symbol";
  int status = 0;
  char* const demangled = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status);
  const std::string name = status == 0 ? short_name(demangled) : info.dli_sname;
  std::free(demangled);
  return name;
}

void run_grid(const Launch& launch) {
  const Schedule schedule = simt::schedule();
  const uint64_t blocks = uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
  const BlockOrder order(schedule, blocks);
  std::atomic<uint64_t> position{0};
  std::mutex mutex;
  std::exception_ptr fault;
  Statistics sum;

  const auto work = [&] {
    std::unique_ptr<Multiprocessor> own = pool().take();
    try {
      own->begin_launch(launch, schedule);
      for (uint64_t i; (i = position++) < blocks;) own->run_block(order[i]);
    } catch (...) {
      position = blocks;  // nobody begins another block
      const std::scoped_lock lock(mutex);
      if (!fault) fault = std::current_exception();
    }
    const std::scoped_lock lock(mutex);
    sum += own->statistics;
    pool().give_back(std::move(own));
  };
  std::vector<std::thread> helpers;
  for (int i = 1; i < schedule.os_threads && static_cast<uint64_t>(i) < blocks; i++)
    helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();

  count_launch(launch.kernel, sum);
  if (fault) std::rethrow_exception(fault);
}

}  // namespace

const char* kernel_name(const void* kernel) {
  static std::mutex mutex;
  static auto* const names = new std::map<const void*, std::string>;
  const std::scoped_lock lock(mutex);
  const auto [entry, added] = names->try_emplace(kernel);
  if (added) entry->second = symbol_name(kernel);
  return entry->second.c_str();
}

void check_limits(const Launch& launch) {
  const dim3 grid = launch.grid, block = launch.block;
  const auto refuse = [&](const auto&... parts) {
    std::ostringstream text;
    text << "launch of " << launch.kernel << ": ";
    (text << ... << parts);
    throw KernelFault(text.str());
  };
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535)
    refuse("a grid of ", grid.x, " × ", grid.y, " × ", grid.z,
           "; from 1 to 2147483647 × 65535 × 65535 is possible");
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || block.x > kMaxThreads || block.y > kMaxThreads || block.z > 64 || threads > kMaxThreads)
    refuse("a block of ", block.x, " × ", block.y, " × ", block.z,
           " threads; from 1 to 1024 (z to 64) are possible");
  if (launch.shared_bytes > SharedMemory::kLimit)
    refuse(launch.shared_bytes, " bytes of dynamic shared memory; ", SharedMemory::kLimit, " are possible");
}

void submit(Launch launch, cudaStream_t stream) {
  check_limits(launch);
  const char* const name = launch.kernel;
  enqueue(stream, name, [launch = std::move(launch)] { run(launch); });
}

void run(const Launch& launch) {
  try {
    run_grid(launch);
  } catch (const KernelFault& fault) {
    // Asked here, because this thread may hold the runtime's lock and those of run_grid do not.
    if (!fault.address()) throw;
    throw KernelFault(std::string(fault.what()) + " The address is " + describe_address(fault.address()) +
                      ".");
  }
  try {
    check_memory();
  } catch (const KernelFault& fault) {
    throw KernelFault(std::string(launch.kernel) + ": " + fault.what());
  }
}

}  // namespace honeybee::simt
