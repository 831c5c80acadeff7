// The engine's own thread: what it does with the requests that callers left, step by step.
#include <pthread.h>

#include <algorithm>

#include "engine/caught.h"
#include "engine/loaded.h"

namespace honeybee {

void Engine::thread_main() {
  pthread_setname_np(pthread_self(), "honeybee-engine");
  Event closed;
  closed.kind = Event::Kind::kClosed;
  closed.reason = Event::Reason::kAbort;
  try {
    if (caught([this] { load_model(); }, closed.code, closed.message)) closed.reason = Event::Reason::kError;
    if (loaded_) {
      while (receive_commands()) run_once();
    }
  } catch (const Interrupted&) {
    // Stopped while loading.
  }
  end_all(closed);
  loaded_.reset();
  announce(std::move(closed));
}

void Engine::end_all(const Event& closed) {
  std::vector<std::unique_ptr<Sequence>> unseen;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    unseen.swap(inbox_);
  }
  const auto end = [&](Sequence& sequence) {
    if (closed.reason == Event::Reason::kError) {
      fail_sequence(sequence, closed.code, closed.message);
    } else {
      finish(sequence, Event::Reason::kAbort);
    }
  };
  for (const auto& [key, sequence] : sequences_) end(*sequence);
  for (const auto& sequence : unseen) end(*sequence);
  if (loaded_) {
    settle_encoding(false);
    // Memory may go once nothing works with it any more; who was waiting for the step has heard of its end.
    ErrorCode code{};
    std::string message;
    const auto await_steps = [&] {
      if (const auto end = loaded_->backend->mark()) end->wait();
    };
    caught(await_steps, code, message);
    note_stats();
  }
  flush();
  sequences_.clear();
}

// Waits for something to do. False when it is time to go.
bool Engine::receive_commands() {
  std::unique_lock lock(mutex_);
  const auto is_wanted = [&] {
    return stopping_ || !inbox_.empty() || !cancels_.empty() || !sequences_.empty() || profile_wanted_ ||
           profile_ending_;
  };
  if (!is_wanted()) {
    const DoingScope asleep(loaded_->profile.get(), Doing::kAsleep);
    wake_.wait(lock, is_wanted);
  }
  if (stopping_) return false;
  interrupt_ = false;
  auto arrived = std::exchange(inbox_, {});
  const auto cancels = std::exchange(cancels_, {});
  auto profile_wanted = std::move(profile_wanted_);
  auto profile_ending = std::exchange(profile_ending_, std::nullopt);
  lock.unlock();

  if (profile_wanted) begin_profile(std::move(profile_wanted));
  if (profile_ending) end_profile(std::move(*profile_ending));
  for (auto& sequence : arrived) receive(std::move(sequence));
  for (const auto& [sink, request] : cancels) cancel_now(sink, request);
  return true;
}

// What could never run is refused at once.
void Engine::receive(std::unique_ptr<Sequence> sequence) {
  Sequence& received = *sequence;
  received.listeners = &loaded_->listeners;
  sequences_.emplace(std::pair(received.sink.get(), received.request.id), std::move(sequence));
  ErrorCode code{};
  std::string message;
  const auto queue = [&] {
    validate(received);
    loaded_->scheduler.add(received, milliseconds(epoch_, received.since));
  };
  if (caught(queue, code, message)) fail_sequence(received, code, message);
}

void Engine::cancel_now(const EventSink* sink, std::optional<uint64_t> request) {
  auto it = sequences_.lower_bound({sink, request.value_or(0)});
  for (; it != sequences_.end() && it->first.first == sink; ++it) {
    if (request && it->first.second != *request) break;
    finish(*it->second, Event::Reason::kAbort);
  }
}

void Engine::end_late() {
  for (Sequence* sequence : loaded_->scheduler.expired(milliseconds(epoch_, Clock::now()))) {
    const auto tokens = sequence->generated.size();
    fail_sequence(*sequence, ErrorCode::kOverloaded,
                  "the request was not done within its timeout of " +
                      std::to_string(sequence->request.timeout) + " ms; it had " + std::to_string(tokens) +
                      " tokens of its answer");
  }
}

// What would make a whole step fail must be refused before it can harm the others in it.
void Engine::validate(const Sequence& sequence) const {
  const ModelConfig& config = loaded_->model.config();
  const int64_t vocabulary = config.text.vocab_size;
  const int64_t per_image = loaded_->model.tokens_per_image();
  const std::vector<ImageInput>& images = sequence.request.images;
  int64_t visual = 0;
  for (const int32_t id : sequence.request.ids) {
    require(id < vocabulary, ErrorCode::kTokenizer, "token ", id, " is outside the model's vocabulary of ",
            vocabulary, "; the tokenizer belongs to another model");
    visual += id < 0 ? 1 : 0;
  }
  const auto wanted = static_cast<int64_t>(images.size()) * per_image;
  require(sequence.prompt_length == 0 || visual == wanted, ErrorCode::kOption, "the prompt has ", visual,
          " visual positions, ", images.size(), " images give ", wanted);
  require(sequence.prompt_length > 0 || !images.empty(), ErrorCode::kOption, "the prompt is empty");
  const Request& request = sequence.request;
  require(!sequence.search || (sequence.prompt_length > 0 && !request.format && !request.trace &&
                               request.raw_logits == 0 && request.logprobs < 0),
          ErrorCode::kOption,
          "beams: a beam search has no format, no trace and no log-probabilities of tokens");
  require(images.empty() || config.vision.has_value(), ErrorCode::kOption,
          "this model sees no images: it has no vision tower");
  for (size_t i = 0; i < images.size(); i++) {
    const auto side = static_cast<int>(config.vision->image_size);
    const int64_t width = config.text.hidden_size;
    const ImageInput& image = images[i];
    if (image.tokens.empty()) {
      const ResizePlan plan = image.resize.value_or(squash(side, side, side, side));
      check_plan(plan);
      require(plan.window.width == side && plan.window.height == side, ErrorCode::kImage, "image ", i + 1,
              ": resized to ", plan.window.width, " x ", plan.window.height, " pixels, this model expects ",
              side, " x ", side);
      require(static_cast<int64_t>(image.rgb.size()) == int64_t{3} * plan.width * plan.height,
              ErrorCode::kImage, "image ", i + 1, ": ", image.rgb.size(), " bytes, ", plan.width, " x ",
              plan.height, " RGB pixels have ", int64_t{3} * plan.width * plan.height);
    } else {
      require(static_cast<int64_t>(image.tokens.size()) == per_image * width, ErrorCode::kImage, "image ",
              i + 1, ": ", image.tokens.size(), " visual token values, this model expects [", per_image, ", ",
              width, "]");
    }
  }
}

// One turn of the engine: admit, encode, a step of the language model.
void Engine::run_once() {
  ErrorCode code{};
  std::string message;
  const auto turn = [this] {
    end_late();
    for (Sequence* sequence : loaded_->scheduler.admit()) request_images(*sequence);
    advance_encoding(false);
    if (!run_step()) advance_encoding(true);
  };
  const Clock::time_point begin = Clock::now();
  if (caught(turn, code, message)) {
    const std::vector<Sequence*> running = loaded_->scheduler.running();
    for (Sequence* sequence : running) fail_sequence(*sequence, code, message);
  }
  for (const Sequence* sequence : finished_) {
    const auto [begin, end] = sequences_.equal_range({sequence->sink.get(), sequence->request.id});
    sequences_.erase(
        std::find_if(begin, end, [&](const auto& entry) { return entry.second.get() == sequence; }));
  }
  finished_.clear();
  if (loaded_->steps) loaded_->steps->flush();
  const DoingScope telling(loaded_->profile.get(), Doing::kHost);
  // Who hears that its request has ended finds it in the figures.
  const Clock::time_point delivery = Clock::now();
  counts_.busy_ms += milliseconds(begin, delivery);
  note_stats();
  flush();
  counts_.busy_ms += milliseconds(delivery, Clock::now());
}

EngineStats Engine::current_stats() const {
  const Scheduler& scheduler = loaded_->scheduler;
  EngineStats stats = counts_;
  stats.waiting = scheduler.waiting();
  stats.running = static_cast<int64_t>(scheduler.running().size());
  stats.blocks_free = scheduler.blocks().free();
  stats.blocks_cached = scheduler.blocks().cached();
  stats.blocks_used = scheduler.blocks().used();
  stats.image_bytes = loaded_->images.bytes();
  stats.prompt_tokens = scheduler.prompt_tokens();
  stats.cached_tokens = scheduler.cached_tokens();
  stats.block_evictions = scheduler.blocks().evictions();
  stats.preemptions = scheduler.preemptions();
  stats.image_hits = loaded_->images.hits();
  stats.image_evictions = loaded_->images.evictions();
  return stats;
}

void Engine::note_stats() {
  const EngineStats stats = current_stats();
  const std::lock_guard lock(mutex_);
  stats_ = stats;
}

// Runs one piece of work for the sequences it serves. What it throws ends those sequences and nothing else;
// an interruption leaves them as they were, so that the ones still wanted are simply run again. It comes when
// none of them is wanted any more.
void Engine::guarded(const std::vector<Sequence*>& participants, const std::function<void()>& work) {
  {
    const std::lock_guard lock(mutex_);
    for (const Sequence* sequence : participants)
      in_flight_.insert({sequence->sink.get(), sequence->request.id});
    if (!cancels_.empty() || stopping_) interrupt_ = true;
  }
  ErrorCode code{};
  std::string message;
  bool failed = false;
  try {
    failed = caught(work, code, message);
  } catch (const Interrupted&) {
  }
  if (failed) {
    for (Sequence* sequence : participants) fail_sequence(*sequence, code, message);
  }
  const std::lock_guard lock(mutex_);
  in_flight_.clear();
}

}  // namespace honeybee
