// What a step asks of the device: the network, the choice of tokens, and what comes back of both.
#include "engine/loaded.h"
#include "engine/recorder.h"
#include "engine/step.h"

namespace honeybee {

// Says how the tokens of a step are to be chosen.
void Engine::prepare_choice(const Step& step) {
  const ModelTime time(counts_.model_ms);
  const DoingScope choosing(loaded_->profile.get(), Doing::kSample);
  std::vector<SamplingRow> choices;
  for (size_t w = 0; w < step.wanted.size(); w++)
    choices.push_back(step.wanting[w] ? step.wanting[w]->sampling_row(step.ahead[w]) : SamplingRow{});
  loaded_->sampling->set(choices);
}

// Runs the network on a step, up to the logits.
void Engine::launch(Step& step) {
  const ModelTime time(counts_.model_ms);
  Backend& backend = *loaded_->backend;
  const Vlm& model = loaded_->model;
  const TextConfig& text = model.config().text;
  step.since = Clock::now();
  const PlaceScope place(backend.observers(), step.prefills ? Stage::kPrefill : Stage::kDecode);
  for (const Share& share : step.shares) {
    for (const BlockCopy& copy : share.sequence->copies)
      backend.copy_block(*loaded_->cache, copy.from, copy.to);
  }
  const Trace trace = recorder(backend, step.trace);
  const Run run{backend, loaded_->arena, step.traced != nullptr ? &trace : nullptr, &interrupt_};
  const auto count = static_cast<int64_t>(step.wanted.size());
  // A token that a decoding step chooses takes the place of the one it follows.
  const Tensor ids =
      step.decodes ? loaded_->last_tokens(step.rows()) : run.arena.matrix(step.rows(), 1, Dtype::kI32);
  const Tensor wanted = run.arena.matrix(count, 1, Dtype::kI32);
  step.scores = run.arena.matrix(count, text.vocab_size, Dtype::kF32);
  step.chosen = step.decodes ? ids : run.arena.matrix(count, 1, Dtype::kI32);
  const Tensor x =
      run.arena.matrix(step.rows(), text.hidden_size, backend.activation_dtype(model.llama().dtype()));
  {
    const DoingScope handing(backend.profile(), Doing::kJoin);
    if (!step.ahead_of_tokens) backend.upload(step.ids.data(), ids);
    backend.upload(step.wanted.data(), wanted);
    loaded_->batch->set(step.row_begin, step.start, step.tables, step.length_bound);
  }
  const auto network = [&] {
    model.llama().embed(run, ids, x);
    for (size_t s = 0; s < step.sequences.size(); s++) {
      if (step.sequences[s] == nullptr) continue;
      splice(*step.sequences[s], x.row_range(step.row_begin[s], step.row_begin[s + 1] - step.row_begin[s]));
    }
    run.watch("llm.embeds", {x.rows, x.cols}, x);
    model.llama().forward(run, x, *loaded_->batch, wanted, *loaded_->cache, step.scores);
  };
  if (step.decodes) {
    const std::string shape = std::to_string(step.rows()) + " x " + std::to_string(step.length_bound);
    backend.repeat("decode " + shape, network);
  } else {
    network();
  }
}

// Chooses the tokens of a step and sends them on their way to the host, with the logits that are wanted
// there.
void Engine::choose(Step& step) {
  const ModelTime time(counts_.model_ms);
  Backend& backend = *loaded_->backend;
  {
    const PlaceScope place(backend.observers(), Stage::kSample);
    const auto sample = [&] { backend.sample(step.scores, *loaded_->sampling, step.chosen); };
    if (step.decodes) {
      backend.repeat("sample " + std::to_string(step.rows()), sample);
    } else {
      sample();
    }
  }
  const DoingScope handing(backend.profile(), Doing::kJoin);
  step.tokens.resize(step.wanted.size());
  step.logits.resize(step.wanted.size());
  std::vector<Download> downloads = {{step.chosen, step.tokens.data()}};
  for (size_t w = 0; w < step.wanted.size(); w++) {
    if (step.wanting[w] == nullptr || !step.wanting[w]->wants_logits(step.ahead[w])) continue;
    step.logits[w].resize(static_cast<size_t>(step.scores.cols));
    downloads.push_back({step.scores.row_range(static_cast<int64_t>(w), 1), step.logits[w].data()});
  }
  loaded_->readback->start(downloads);
}

// Waits for what a step chose.
void Engine::read(Step& step) {
  const ModelTime time(counts_.model_ms);
  const DoingScope waiting(loaded_->profile.get(), Doing::kJoin);
  loaded_->readback->wait();
  std::vector<float> row(static_cast<size_t>(step.scores.cols));
  for (const Step::Scored& scored : step.scored) {
    loaded_->backend->download(step.scores.row_range(static_cast<int64_t>(scored.wanted), 1), row.data());
    scored.sequence->score_prompt(scored.position, row);
  }
}

// Overwrites the rows at visual positions with the tokens of the images, in reading order.
void Engine::splice(const Sequence& sequence, const Tensor& x) {
  if (sequence.computed >= sequence.prompt_length) return;
  const int64_t each = loaded_->model.tokens_per_image();
  const int64_t end = std::min(sequence.computed + x.rows, sequence.prompt_length);
  int64_t seen = 0;  // visual positions before this one
  for (int64_t p = 0; p < end; p++) {
    if (sequence.token(p) >= 0) continue;
    if (p >= sequence.computed) {
      const Tensor& tokens = sequence.visual[static_cast<size_t>(seen / each)]->tokens;
      loaded_->backend->copy(tokens.row_range(seen % each, 1), x.row_range(p - sequence.computed, 1));
    }
    seen++;
  }
}

}  // namespace honeybee
