#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "cpu/function_ref.h"

namespace honeybee::cpu {

/// Threads that share the work of one operation. The caller is one of them. Idle threads sleep: they spin for
/// some microseconds before a job, because operations follow each other closely, and then block; so does the
/// caller at the end of a job. Pool threads run a little nicer than the thread that made the pool, so that an
/// event loop on the same cores is never starved. One job at a time, from one thread at a time.
class ThreadPool {
 public:
  /// `threads` includes the caller; 0 takes as many as this process may run on. Throws Error(kOption) when
  /// negative, above 1024, or more than the system starts.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls fn(task, worker) for every task of [0, tasks), in no order, at most one at a time per worker;
  /// worker is in [0, threads()) and 0 is the caller. Returns when all are done. The first exception ends the
  /// job early and is thrown here. No allocation.
  void run(int64_t tasks, FunctionRef<void(int64_t task, int worker)> fn);

  /// Calls fn(begin, end) over pieces of [begin, end) of at least `grain` items, the last possibly smaller;
  /// where they are cut depends on threads().
  void parallel_for(int64_t begin, int64_t end, int64_t grain,
                    FunctionRef<void(int64_t begin, int64_t end)> fn);

 private:
  void start(int worker, int nice);
  void work(int worker);
  bool enter_job(uint64_t& seen);
  void leave_job();
  void take_tasks(int worker);
  void open_job();
  void close_job();
  void stop();

  std::vector<std::thread> workers_;

  // The job; written while none is open.
  const FunctionRef<void(int64_t, int)>* task_ = nullptr;
  int64_t tasks_ = 0;
  std::exception_ptr error_;  // guarded by mutex_ while the job is open

  // Number of the job, a bit that says whether it may be entered, and how many workers are inside: a worker
  // that sleeps through a job is not waited for.
  alignas(64) std::atomic<uint64_t> state_{0};
  alignas(64) std::atomic<int64_t> next_{0};
  alignas(64) std::atomic<int> sleepers_{0};
  std::atomic<bool> caller_sleeps_{false};
  std::atomic<bool> stopping_{false};

  std::mutex mutex_;
  std::condition_variable job_opened_;
  std::condition_variable job_left_;
};

}  // namespace honeybee::cpu
