#include "cpu/thread_pool.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "cpu/machine.h"

namespace honeybee::cpu {
namespace {

constexpr int kMaxThreads = 1024;
constexpr int kNicer = 2;
constexpr auto kSpin = std::chrono::microseconds(50);

// state_: [number of the job : 47][open : 1][workers inside : 16]
constexpr uint64_t kInside = 0xffff;
constexpr uint64_t kOpen = 0x10000;
constexpr uint64_t kJob = 0x20000;

uint64_t job_number(uint64_t state) { return state / kJob; }

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Polls the condition for kSpin. Whether it came true.
template <class Condition>
bool spin_until(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; i++) {
      if (condition()) return true;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return false;
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  require(threads >= 0 && threads <= kMaxThreads, ErrorCode::kOption, "threads is ", threads,
          ", expected 1 to ", kMaxThreads, ", or 0 for all of this machine");
  if (threads == 0) threads = std::min(usable_cpus(), kMaxThreads);
  const int nice = getpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid))) + kNicer;
  workers_.reserve(static_cast<size_t>(threads) - 1);
  try {
    for (int worker = 1; worker < threads; worker++)
      workers_.emplace_back([this, worker, nice] { start(worker, nice); });
  } catch (const std::system_error& error) {
    const size_t started = workers_.size();
    stop();
    fail(ErrorCode::kOption, "threads is ", threads, ", but the system starts only ", started + 1, " (",
         error.what(), ")");
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  job_opened_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void ThreadPool::run(int64_t tasks, FunctionRef<void(int64_t, int)> fn) {
  if (tasks <= 1 || workers_.empty()) {
    for (int64_t task = 0; task < tasks; task++) fn(task, 0);
    return;
  }
  task_ = &fn;
  tasks_ = tasks;
  next_.store(0, std::memory_order_relaxed);
  open_job();
  take_tasks(0);
  close_job();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void ThreadPool::parallel_for(int64_t begin, int64_t end, int64_t grain,
                              FunctionRef<void(int64_t, int64_t)> fn) {
  const int64_t count = end - begin;
  if (count <= 0) return;
  // Some pieces per thread, so that a thread that was interrupted does not hold up the rest.
  constexpr int64_t kPiecesPerThread = 4;
  const int64_t pieces =
      std::clamp<int64_t>(count / std::max<int64_t>(grain, 1), 1, kPiecesPerThread * threads());
  const int64_t size = (count + pieces - 1) / pieces;
  run((count + size - 1) / size, [&](int64_t piece, int) {
    const int64_t first = begin + piece * size;
    fn(first, std::min(first + size, end));
  });
}

void ThreadPool::start(int worker, int nice) {
  // Signals belong to the threads of the host program.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  pthread_setname_np(pthread_self(), "honeybee-pool");
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), nice);
  work(worker);
}

void ThreadPool::work(int worker) {
  uint64_t seen = 0;
  while (enter_job(seen)) {
    take_tasks(worker);
    leave_job();
  }
}

// Waits for a job other than `seen` and enters it. False when the pool stops.
bool ThreadPool::enter_job(uint64_t& seen) {
  uint64_t state = 0;
  const auto ready = [&] {
    state = state_.load();
    return ((state & kOpen) != 0 && job_number(state) != seen) || stopping_.load();
  };
  for (;;) {
    if (!spin_until(ready)) {
      std::unique_lock lock(mutex_);
      sleepers_.fetch_add(1);
      job_opened_.wait(lock, ready);
      sleepers_.fetch_sub(1);
    }
    if (stopping_.load()) return false;
    // Fails when the job was closed or another worker came or left meanwhile.
    if (state_.compare_exchange_weak(state, state + 1)) {
      seen = job_number(state);
      return true;
    }
  }
}

void ThreadPool::leave_job() {
  if ((state_.fetch_sub(1) & kInside) == 1 && caller_sleeps_.load()) {
    const std::lock_guard lock(mutex_);
    job_left_.notify_one();
  }
}

void ThreadPool::take_tasks(int worker) {
  try {
    for (;;) {
      const int64_t task = next_.fetch_add(1, std::memory_order_relaxed);
      if (task >= tasks_) return;
      (*task_)(task, worker);
    }
  } catch (...) {
    next_.store(tasks_, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
  }
}

void ThreadPool::open_job() {
  state_.store((state_.load() & ~(kInside | kOpen)) + kJob + kOpen);
  // A worker counts itself as a sleeper before it looks at the state for the last time; so it is seen here,
  // or it sees the job.
  if (sleepers_.load() > 0) {
    const std::lock_guard lock(mutex_);
    job_opened_.notify_all();
  }
}

void ThreadPool::close_job() {
  state_.fetch_and(~kOpen);
  const auto empty = [&] { return (state_.load() & kInside) == 0; };
  if (spin_until(empty)) return;
  std::unique_lock lock(mutex_);
  caller_sleeps_ = true;
  job_left_.wait(lock, empty);
  caller_sleeps_ = false;
}

}  // namespace honeybee::cpu
