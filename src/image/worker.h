#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace honeybee {

/// One background thread for picture work, shared by every JavaScript environment of the process: started by
/// the first `shared()` and joined when the last owner lets go of it. Jobs run in the order they were posted.
class ImageWorker {
 public:
  /// The process's worker. Do not release the last pointer from inside a job: a thread cannot join itself.
  static std::shared_ptr<ImageWorker> shared();

  ImageWorker();
  /// Finishes what was posted, then joins.
  ~ImageWorker();
  ImageWorker(const ImageWorker&) = delete;
  ImageWorker& operator=(const ImageWorker&) = delete;

  /// Queues a job; it must not throw.
  void post(std::function<void()> job);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace honeybee
