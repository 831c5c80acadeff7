#include "napi/thread_job.h"

#include <exception>
#include <memory>
#include <thread>
#include <utility>

#include "napi/values.h"

namespace honeybee {
namespace {

/// Lifetime: the clean-up hook owns it. The thread's last act is to queue `settle`, which joins it and
/// removes the hook; when the environment goes first, the hook interrupts the thread and joins it.
class ThreadJob {
 public:
  using Work = std::function<void(const std::atomic<bool>& interrupt)>;
  using Result = std::function<Napi::Value(Napi::Env)>;

  static Napi::Promise start(Napi::Env env, const char* name, Work work, Result result) {
    const auto owned = std::make_shared<ThreadJob>(env, name, std::move(work), std::move(result));
    try {
      owned->thread_ = std::thread([job = owned.get()] { job->run(); });
    } catch (...) {
      owned->done_.Release();
      throw;
    }
    owned->hook_ = env.AddCleanupHook(std::function<void()>([owned] { owned->abandon(); }));
    return owned->deferred_.Promise();
  }

  ThreadJob(Napi::Env env, const char* name, Work work, Result result)
      : deferred_(Napi::Promise::Deferred::New(env)),
        done_(Done::New(env, name, /*maxQueueSize=*/0, /*initialThreadCount=*/1, this)),
        work_(std::move(work)),
        result_(std::move(result)) {}

 private:
  static void settle(Napi::Env env, Napi::Function, ThreadJob* self, void*) {
    if (static_cast<napi_env>(env) == nullptr) return;  // torn down: the hook has done it all
    self->thread_.join();
    try {
      self->deferred_.Resolve(guarded_call(env, [&] {
        if (self->error_ != nullptr) std::rethrow_exception(self->error_);
        return self->result_(env);
      }));
    } catch (const Napi::Error& error) {
      self->deferred_.Reject(error.Value());
    }
    auto hook = self->hook_;
    hook.Remove(env);  // deletes self
  }
  using Done = Napi::TypedThreadSafeFunction<ThreadJob, void, settle>;

  void run() {
    try {
      work_(interrupt_);
    } catch (...) {
      error_ = std::current_exception();
    }
    // Any answer but napi_ok means that the environment is going and `done_` is no longer ours.
    if (done_.NonBlockingCall() == napi_ok) done_.Release();
  }

  void abandon() {
    interrupt_ = true;
    thread_.join();
  }

  Napi::Promise::Deferred deferred_;
  Done done_;
  const Work work_;
  const Result result_;
  Napi::Env::CleanupHook<std::function<void()>> hook_;
  std::atomic<bool> interrupt_{false};
  std::exception_ptr error_;  // written by the thread before it queues `settle`
  std::thread thread_;
};

}  // namespace

Napi::Promise run_on_thread(Napi::Env env, const char* name,
                            std::function<void(const std::atomic<bool>& interrupt)> work,
                            std::function<Napi::Value(Napi::Env)> result) {
  return ThreadJob::start(env, name, std::move(work), std::move(result));
}

}  // namespace honeybee
