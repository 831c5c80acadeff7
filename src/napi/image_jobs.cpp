#include "napi/image_jobs.h"

#include <new>
#include <utility>

#include "core/error.h"

namespace honeybee {

struct ImageJobs::Job {
  Napi::Promise::Deferred deferred;
  Napi::ObjectReference result;
  std::vector<Napi::ObjectReference> pinned;
  Work work;
  std::exception_ptr error;  // written by the worker before it reports the job done
};

Napi::Error to_js_error(Napi::Env env, const std::exception_ptr& error) {
  std::string message = "unknown error";
  const char* code = "ERR_IMAGE";
  try {
    std::rethrow_exception(error);
  } catch (const Error& known) {
    message = known.what();
    code = error_code_name(known.code());
  } catch (const std::bad_alloc&) {
    message = "not enough memory for the picture";
    code = error_code_name(ErrorCode::kOutOfMemory);
  } catch (const Cancelled&) {
    message = "the environment is shutting down";
    code = error_code_name(ErrorCode::kDisposed);
  } catch (const std::exception& other) {
    message = other.what();
  }
  Napi::Error js_error = Napi::Error::New(env, message);
  js_error.Set("code", Napi::String::New(env, code));
  return js_error;
}

std::shared_ptr<ImageJobs> ImageJobs::create(Napi::Env env) {
  auto jobs = std::make_shared<ImageJobs>();
  env.AddCleanupHook([jobs] { jobs->clean_up(); });
  return jobs;
}

Napi::Promise ImageJobs::run(Napi::Env env, const std::vector<Napi::Object>& pinned, Napi::Object result,
                             Work work) {
  if (worker_ == nullptr) worker_ = ImageWorker::shared();
  auto owned =
      std::make_unique<Job>(Job{Napi::Promise::Deferred::New(env), Napi::Persistent(result), {}, {}, {}});
  owned->work = std::move(work);
  for (const Napi::Object& object : pinned) owned->pinned.push_back(Napi::Persistent(object));
  Job* job = owned.get();
  const Napi::Promise promise = job->deferred.Promise();
  // One function for each job keeps the event loop alive exactly as long as the job is under way.
  const Done done = Done::New(env, "honeybee.image", /*maxQueueSize=*/0, /*initialThreadCount=*/1, this);
  jobs_.emplace(job, std::move(owned));
  {
    const std::lock_guard lock(mutex_);
    ++on_worker_;
  }
  worker_->post([this, job, done] { execute(job, done); });
  return promise;
}

/// On the worker. clean_up waits for it, so `this` and `job` outlive it.
void ImageJobs::execute(Job* job, Done done) {
  try {
    check_cancelled(&cancelled_);
    job->work(cancelled_);
  } catch (...) {
    job->error = std::current_exception();
  }
  // Any answer but napi_ok means that the environment is going and `done` is no longer ours.
  if (done.NonBlockingCall(job) == napi_ok) done.Release();
  const std::lock_guard lock(mutex_);
  --on_worker_;
  idle_.notify_all();
}

void ImageJobs::settle(Napi::Env env, Napi::Function, ImageJobs* owner, Job* job) {
  if (static_cast<napi_env>(env) == nullptr) return;  // torn down: clean_up owns what is left
  const std::unique_ptr<Job> settled = std::move(owner->jobs_.extract(job).mapped());
  if (settled->error == nullptr) {
    settled->deferred.Resolve(settled->result.Value());
  } else {
    settled->deferred.Reject(to_js_error(env, settled->error).Value());
  }
}

void ImageJobs::clean_up() {
  cancelled_ = true;
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return on_worker_ == 0; });
  }
  jobs_.clear();
  worker_.reset();
}

}  // namespace honeybee
