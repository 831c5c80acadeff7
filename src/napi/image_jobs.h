#pragma once
#include <napi.h>

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "image/cancel.h"
#include "image/worker.h"

namespace honeybee {

/// The JavaScript error for a C++ one: `code` is that of honeybee::Error, ERR_OUT_OF_MEMORY for a failed
/// allocation.
Napi::Error to_js_error(Napi::Env env, const std::exception_ptr& error);

/// The picture jobs of one JavaScript environment, run on the process's ImageWorker.
///
/// Lifetimes: the buffers a job reads and writes belong to JavaScript; references pin them until the promise
/// is settled. When the environment goes (process.exit, worker.terminate), its clean-up hook cancels what is
/// queued, waits for what runs (a band of rows at most), drops the references while that is still allowed,
/// and lets go of the worker, which the last environment joins. Members are touched on the JavaScript thread
/// only, but for the counter.
class ImageJobs : public std::enable_shared_from_this<ImageJobs> {
 public:
  using Work = std::function<void(const CancelFlag& cancelled)>;

  /// The jobs of `env`, with their clean-up hook registered.
  static std::shared_ptr<ImageJobs> create(Napi::Env env);

  /// Runs `work` on the worker, then resolves the promise to `result`, or rejects it with what `work` threw.
  /// `pinned` and `result` are kept alive until then.
  Napi::Promise run(Napi::Env env, const std::vector<Napi::Object>& pinned, Napi::Object result, Work work);

 private:
  struct Job;
  static void settle(Napi::Env env, Napi::Function, ImageJobs* owner, Job* job);
  using Done = Napi::TypedThreadSafeFunction<ImageJobs, Job, settle>;

  void execute(Job* job, Done done);
  void clean_up();

  std::shared_ptr<ImageWorker> worker_;
  std::unordered_map<Job*, std::unique_ptr<Job>> jobs_;
  CancelFlag cancelled_{false};

  std::mutex mutex_;
  std::condition_variable idle_;
  int on_worker_ = 0;  // jobs posted whose last use of this object is still to come; guarded by mutex_
};

}  // namespace honeybee
