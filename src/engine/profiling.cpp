// Profiles of what the engine's thread does: callers start and stop them, the thread follows between turns.
#include "engine/loaded.h"

namespace honeybee {
namespace {

// How soon a waiting caller sees that it was interrupted.
constexpr std::chrono::milliseconds kInterruptCheck{20};

}  // namespace

void Engine::start_profile(const EventSink* owner, size_t most_ops) {
  auto recorder = std::make_unique<ProfileRecorder>(most_ops);
  const std::lock_guard lock(mutex_);
  require(!closed_ && !stopping_, ErrorCode::kDisposed, "the model has been disposed");
  require(profile_owner_ == nullptr, ErrorCode::kOverloaded,
          "a profile of this model is being taken already; wait until it ends");
  profile_owner_ = owner;
  profile_wanted_ = std::move(recorder);
  wake_.notify_one();
}

std::unique_ptr<ProfileRecorder> Engine::stop_profile(const EventSink* owner,
                                                      const std::atomic<bool>& interrupt) {
  std::future<std::unique_ptr<ProfileRecorder>> recorder;
  {
    const std::lock_guard lock(mutex_);
    require(!closed_, ErrorCode::kDisposed, "the model has been disposed");
    require(profile_owner_ == owner && !profile_ending_, ErrorCode::kOption, "no profile is being taken");
    profile_ending_.emplace();
    recorder = profile_ending_->get_future();
    wake_.notify_one();
  }
  while (recorder.wait_for(kInterruptCheck) != std::future_status::ready) {
    if (interrupt) return nullptr;
  }
  return recorder.get();
}

void Engine::begin_profile(std::unique_ptr<ProfileRecorder> recorder) {
  loaded_->profile = std::move(recorder);
  loaded_->listeners.profile = loaded_->profile.get();
  loaded_->profile->start();
  try {
    loaded_->backend->profile(loaded_->profile.get());
    if (loaded_->side) loaded_->side->profile(loaded_->profile.get());
  } catch (const std::exception&) {
    // A device that fails here fails at the next operation too, and there somebody hears of it.
  }
}

void Engine::end_profile(ProfilePromise promise) {
  // Who is under way was in its phase until now.
  for (const auto& [key, sequence] : sequences_)
    PhaseListeners{nullptr, loaded_->profile.get()}.tell(sequence->arrival, sequence->phase, sequence->since,
                                                         Clock::now());
  loaded_->listeners.profile = nullptr;
  loaded_->profile->stop();
  auto recorder = std::move(loaded_->profile);
  std::exception_ptr failure;
  try {
    loaded_->backend->profile(nullptr);
    if (loaded_->side) loaded_->side->profile(nullptr);
  } catch (...) {
    failure = std::current_exception();
  }
  {
    // Whoever hears of the end may begin anew.
    const std::lock_guard lock(mutex_);
    profile_owner_ = nullptr;
  }
  if (failure != nullptr) {
    promise.set_exception(failure);
  } else {
    promise.set_value(std::move(recorder));
  }
}

}  // namespace honeybee
