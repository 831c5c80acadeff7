#include "image/worker.h"

#include <utility>

#if defined(__linux__)
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace honeybee {
namespace {

/// Yields to the event loop when cores are short. On Linux niceness belongs to the thread id.
void lower_priority() {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), "honeybee-image");
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 5);
#endif
}

}  // namespace

std::shared_ptr<ImageWorker> ImageWorker::shared() {
  static std::mutex mutex;
  static std::weak_ptr<ImageWorker> current;
  const std::lock_guard lock(mutex);
  std::shared_ptr<ImageWorker> worker = current.lock();
  if (worker == nullptr) {
    worker = std::make_shared<ImageWorker>();
    current = worker;
  }
  return worker;
}

ImageWorker::ImageWorker() : thread_([this] { run(); }) {}

ImageWorker::~ImageWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void ImageWorker::post(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void ImageWorker::run() {
  lower_priority();
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    {
      // Destroyed before the lock is taken again: what a job captured may take its time to go.
      const std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
    }
    lock.lock();
  }
}

}  // namespace honeybee
