// The thread pool; runs under TSan too.
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>

#include "cpu/machine.h"
#include "cpu/thread_pool.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

using cpu::ThreadPool;

constexpr int kThreads[] = {1, 2, 3, 8};

TEST(pool_runs_every_task_once) {
  for (const int threads : kThreads) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const int64_t tasks : {0, 1, 2, 7, 100}) {
      for (int round = 0; round < 200; round++) {
        std::vector<int> runs(static_cast<size_t>(tasks));
        std::atomic<int> bad_workers{0};
        pool.run(tasks, [&](int64_t task, int worker) {
          runs[task]++;
          if (worker < 0 || worker >= threads) bad_workers++;
        });
        EXPECT_EQ(bad_workers.load(), 0);
        for (const int count : runs) EXPECT_EQ(count, 1);
      }
    }
  }
}

TEST(pool_tasks_of_a_worker_do_not_overlap) {
  ThreadPool pool(4);
  std::vector<int64_t> sums(4);  // not atomic: TSan and the total would show two tasks at once
  for (int round = 0; round < 100; round++)
    pool.run(50, [&](int64_t task, int worker) { sums[worker] += task; });
  EXPECT_EQ(std::accumulate(sums.begin(), sums.end(), int64_t{0}), int64_t{100 * 49 * 50 / 2});
}

TEST(pool_parallel_for_covers_the_range) {
  for (const int threads : kThreads) {
    ThreadPool pool(threads);
    for (const int64_t count : {0, 1, 5, 1000, 1001}) {
      for (const int64_t grain : {1, 7, 2000}) {
        std::vector<int> visits(static_cast<size_t>(count));
        std::atomic<int> small{0};
        pool.parallel_for(10, 10 + count, grain, [&](int64_t begin, int64_t end) {
          if (end - begin < grain && end < 10 + count) small++;
          for (int64_t i = begin; i < end; i++) visits[i - 10]++;
        });
        EXPECT_EQ(small.load(), 0);
        for (const int visit : visits) EXPECT_EQ(visit, 1);
      }
    }
  }
}

TEST(pool_jobs_after_sleep) {
  ThreadPool pool(3);
  std::atomic<int> runs{0};
  for (int round = 0; round < 20; round++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    pool.run(6, [&](int64_t, int) { runs++; });
  }
  EXPECT_EQ(runs.load(), 120);
}

TEST(pool_caller_waits_for_a_slow_worker) {
  ThreadPool pool(2);
  std::atomic<int> done{0};
  for (int round = 0; round < 10; round++) {
    pool.run(2, [&](int64_t, int worker) {
      if (worker != 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
      done++;
    });
    EXPECT_EQ(done.load(), 2 * (round + 1));
  }
}

TEST(pool_throws_the_error_of_a_task) {
  for (const int threads : kThreads) {
    ThreadPool pool(threads);
    for (int round = 0; round < 50; round++) {
      std::string caught;
      try {
        pool.run(30, [&](int64_t task, int) {
          if (task == 3 + round % 20) throw std::runtime_error("task " + std::to_string(task));
        });
      } catch (const std::runtime_error& error) {
        caught = error.what();
      }
      EXPECT_EQ(caught, "task " + std::to_string(3 + round % 20));
      std::atomic<int> runs{0};
      pool.run(30, [&](int64_t, int) { runs++; });
      EXPECT_EQ(runs.load(), 30);
    }
  }
}

TEST(pool_made_and_destroyed) {
  for (int round = 0; round < 100; round++) {
    ThreadPool pool(1 + round % 5);
    if (round % 3 == 0) pool.run(4, [](int64_t, int) {});
  }
}

TEST(pool_sleeps_when_idle) {
  ThreadPool pool(4);
  pool.run(8, [](int64_t, int) {});
  // A busy machine may be slow to let the workers look for work a last time before they sleep.
  double busy = 1.0;
  for (int window = 0; window < 50 && busy >= 0.02; window++) {
    const std::clock_t before = std::clock();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    busy = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  }
  EXPECT_TRUE(busy < 0.02);
}

TEST(pool_threads_are_nicer_and_named) {
  ThreadPool pool(2);
  const int own = getpriority(PRIO_PROCESS, 0);
  int nice = -100;
  std::string name;
  std::atomic<bool> seen{false};
  pool.run(2, [&](int64_t, int worker) {
    // The caller keeps its task until the worker has taken the other.
    if (worker == 0) return seen.wait(false);
    char text[16] = {};
    pthread_getname_np(pthread_self(), text, sizeof text);
    name = text;
    nice = getpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)));
    seen = true;
    seen.notify_all();
  });
  EXPECT_EQ(name, std::string("honeybee-pool"));
  EXPECT_EQ(nice, std::min(own + 2, 19));
}

TEST(pool_rejects_absurd_thread_counts) {
  EXPECT_ERROR(ThreadPool(-1), ErrorCode::kOption, "threads is -1");
  EXPECT_ERROR(ThreadPool(1025), ErrorCode::kOption, "threads is 1025");
}

TEST(pool_default_uses_the_machine) {
  ThreadPool pool(0);
  EXPECT_EQ(pool.threads(), cpu::usable_cpus());
  EXPECT_TRUE(cpu::usable_cpus() >= 1);
}

}  // namespace
}  // namespace honeybee::testing
