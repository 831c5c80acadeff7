// The engine's own thread: what it does with the requests that callers left, step by step.
#include <pthread.h>

#include <algorithm>
#include <new>

#include "engine/loaded.h"

namespace honeybee {
namespace {

// Runs `work`, turning whatever it throws into (code, message).
template <class Work>
bool caught(Work work, ErrorCode& code, std::string& message) {
  try {
    work();
    return false;
  } catch (const Error& error) {
    code = error.code();
    message = error.what();
  } catch (const std::bad_alloc&) {
    code = ErrorCode::kOutOfMemory;
    message = "out of memory; close other programs, choose smaller weights or a shorter context";
  } catch (const std::exception& error) {
    code = ErrorCode::kDevice;
    message = error.what();
  }
  return true;
}

}  // namespace

void Engine::thread_main() {
  pthread_setname_np(pthread_self(), "honeybee-engine");
  Event closed;
  closed.kind = Event::Kind::kClosed;
  closed.reason = Event::Reason::kAbort;
  try {
    if (caught([this] { load_model(); }, closed.code, closed.message)) closed.reason = Event::Reason::kError;
    if (loaded_) {
      while (receive_commands()) {
        admit();
        advance_encoding(false);
        if (!run_step()) advance_encoding(true);
        std::erase_if(running_, [](const auto& s) { return s->phase == Sequence::Phase::kFinished; });
        flush();
        const std::lock_guard lock(mutex_);
        load_ = {static_cast<int64_t>(running_.size()), static_cast<int64_t>(waiting_.size()),
                 loaded_->blocks.free()};
      }
    }
  } catch (const Interrupted&) {
    // Stopped while loading.
  }
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& sequence : inbox_) waiting_.push_back(std::move(sequence));
    inbox_.clear();
  }
  for (auto& sequence : waiting_) running_.push_back(std::move(sequence));
  waiting_.clear();
  for (auto& sequence : running_) {
    if (closed.reason == Event::Reason::kError) {
      fail_sequence(*sequence, closed.code, closed.message);
    } else {
      finish(*sequence, Event::Reason::kAbort);
    }
  }
  flush();
  running_.clear();
  loaded_.reset();
  announce(std::move(closed));
}

// Waits for something to do. False when it is time to go.
bool Engine::receive_commands() {
  std::unique_lock lock(mutex_);
  const auto busy = [this] { return !running_.empty() || !waiting_.empty(); };
  wake_.wait(lock, [&] { return stopping_ || !inbox_.empty() || !cancels_.empty() || busy(); });
  if (stopping_) return false;
  interrupt_ = false;
  for (auto& sequence : inbox_) waiting_.push_back(std::move(sequence));
  inbox_.clear();
  const auto cancels = std::move(cancels_);
  cancels_.clear();
  lock.unlock();

  for (const auto& [sink, request] : cancels) {
    const auto hit = [&, sink = sink, request = request](const std::unique_ptr<Sequence>& sequence) {
      return sequence->sink.get() == sink && (!request || sequence->request.id == *request);
    };
    for (auto& sequence : running_) {
      if (hit(sequence)) finish(*sequence, Event::Reason::kAbort);
    }
    for (auto& sequence : waiting_) {
      if (hit(sequence)) finish(*sequence, Event::Reason::kAbort);
    }
  }
  const auto done = [](const std::unique_ptr<Sequence>& sequence) {
    return sequence->phase == Sequence::Phase::kFinished;
  };
  std::erase_if(running_, done);
  std::erase_if(waiting_, done);
  flush();
  return true;
}

// What would make a whole step fail must be refused before it can harm the others in it.
void Engine::validate(const Sequence& sequence) const {
  const int64_t vocabulary = loaded_->model.config().text.vocab_size;
  const int64_t per_image = loaded_->model.tokens_per_image();
  const auto images = static_cast<int64_t>(sequence.request.images.size());
  int64_t visual = 0;
  for (const int32_t id : sequence.request.ids) {
    require(id < vocabulary, ErrorCode::kTokenizer, "token ", id, " is outside the model's vocabulary of ",
            vocabulary, "; the tokenizer belongs to another model");
    visual += id < 0 ? 1 : 0;
  }
  require(sequence.prompt_length == 0 || visual == images * per_image, ErrorCode::kOption, "the prompt has ",
          visual, " visual positions, ", images, " images give ", images * per_image);
  require(sequence.prompt_length > 0 || images > 0, ErrorCode::kOption, "the prompt is empty");
  const int64_t room = loaded_->positions - sequence.prompt_length;
  require(sequence.prompt_length == 0 || room >= 1, ErrorCode::kContextLength, "the prompt has ",
          sequence.prompt_length, " tokens, images included; the context of ", loaded_->positions,
          " leaves no room for an answer");
}

// First come, first served: a sequence starts when all blocks it may ever need are free, so none has to be
// stopped for another later on.
void Engine::admit() {
  while (!waiting_.empty() && static_cast<int64_t>(running_.size()) < options_.max_sequences) {
    Sequence& next = *waiting_.front();
    ErrorCode code{};
    std::string message;
    if (caught([&] { validate(next); }, code, message)) {
      fail_sequence(next, code, message);
      waiting_.pop_front();
      continue;
    }
    const int64_t room = loaded_->positions - next.prompt_length;
    const int64_t positions =
        next.prompt_length > 0 ? next.prompt_length + std::min(room, next.request.max_tokens) : 0;
    if (!loaded_->blocks.take((positions + kKvBlock - 1) / kKvBlock, next.blocks)) break;
    next.request.max_tokens = std::min(room, next.request.max_tokens);
    next.enter(next.request.images.empty() ? Sequence::Phase::kPrefill : Sequence::Phase::kEncode);
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

// Runs one piece of work for the sequences it serves. What it throws ends those sequences and nothing else;
// an interruption leaves them as they were, so that the ones still wanted are simply run again.
void Engine::guarded(const std::vector<Sequence*>& participants, const std::function<void()>& work) {
  {
    const std::lock_guard lock(mutex_);
    for (const Sequence* sequence : participants) {
      if (sequence->phase != Sequence::Phase::kDecode)
        in_flight_.insert({sequence->sink.get(), sequence->request.id});
    }
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

// One step of the language model; false if no sequence has anything to run.
bool Engine::run_step() {
  std::vector<Demand> demands;
  for (const auto& sequence : running_) {
    Demand demand;
    if (sequence->phase == Sequence::Phase::kPrefill) {
      demand = {sequence->prompt_length - sequence->computed, true, sequence->request.trace};
    } else if (sequence->phase == Sequence::Phase::kDecode) {
      demand = {1, false, false};
    }
    demands.push_back(demand);
  }
  const std::vector<int64_t> rows = plan_step(demands, options_.limits);
  std::vector<Sequence*> participants;
  for (size_t i = 0; i < rows.size(); i++) {
    if (rows[i] > 0) participants.push_back(running_[i].get());
  }
  if (!participants.empty()) guarded(participants, [&] { forward(rows); });
  return !participants.empty();
}

}  // namespace honeybee
