// Steps of the language model: planned, computed, and what they chose handed on.
#include "engine/step.h"

#include <algorithm>

#include "engine/caught.h"
#include "engine/loaded.h"
#include "engine/recorder.h"

namespace honeybee {

namespace {

StepTrace::Step describe(const std::vector<Share>& shares, const std::vector<Sequence*>& wanting) {
  StepTrace::Step step;
  step.tokens = std::ssize(wanting) - std::count(wanting.begin(), wanting.end(), nullptr);
  for (const Share& share : shares) {
    const bool decodes = share.sequence->phase == Sequence::Phase::kDecode;
    (decodes ? step.decoding : step.prefilling)++;
    if (!decodes) step.prefill_rows += share.rows;
    step.drafted += std::ssize(share.sequence->drafted);
  }
  return step;
}

}  // namespace

// One step of the language model; false if no sequence has anything to run. When a step fails, each of its
// sequences is tried alone, so that what one of them asked for does no harm to the others; their twins go on
// waiting.
bool Engine::run_step() {
  const std::vector<Share> shares = loaded_->scheduler.plan();
  std::vector<Sequence*> participants;
  for (const Share& share : shares) participants.push_back(share.sequence);
  const bool alone = shares.size() == 1 && shares[0].twins.empty();
  bool failed = false;
  if (!participants.empty() && !alone) {
    guarded(participants, [&] {
      ErrorCode code{};
      std::string message;
      failed = caught([&] { forward(shares); }, code, message);
    });
  }
  if (alone || failed) {
    for (const Share& share : shares)
      guarded({share.sequence}, [&] { forward({{share.sequence, share.rows, {}}}); });
  }
  return !participants.empty();
}

// One step of the language model.
void Engine::forward(const std::vector<Share>& shares) {
  const Clock::time_point begin = Clock::now();
  ProfileRecorder* const profile = loaded_->profile.get();
  if (profile != nullptr) profile->next_step();
  const DoingScope preparing(profile, Doing::kHost);
  Step step = make_step(shares);
  const PlaceScope place(profile, step.prefills ? Stage::kPrefill : Stage::kDecode);
  for (const Share& share : shares) {
    for (const BlockCopy& copy : share.sequence->copies)
      loaded_->backend->copy_block(*loaded_->cache, copy.from, copy.to);
  }
  compute(step);
  if (loaded_->steps)
    loaded_->steps->step(begin, Clock::now(), describe(shares, step.wanting), current_stats());
  // From here on the step counts.
  const DoingScope choosing(profile, Doing::kSample);
  counts_.steps++;
  for (const Share& share : shares) {
    share.sequence->copies.clear();
    counts_.drafted_tokens += std::ssize(share.sequence->drafted);
    loaded_->scheduler.advance(*share.sequence, share.rows - std::ssize(share.sequence->drafted));
  }
  for (size_t w = 0; w < step.wanted.size(); w++) {
    if (step.wanting[w] == nullptr) continue;
    Sequence& sequence = *step.wanting[w];
    if (step.ahead[w] > 0 && !accept_draft(sequence, step.ahead[w])) continue;
    ErrorCode code{};
    std::string message;
    const auto take = [&] {
      if (step.forked_of[w] != nullptr && !fork(*step.forked_of[w], sequence)) return;
      if (&sequence == step.traced)
        std::move(step.trace.begin(), step.trace.end(), std::back_inserter(sequence.trace));
      if (sequence.search) {
        advance_beams(sequence, std::span(step.logits).subspan(w, sequence.search->live()));
      } else {
        consume(sequence, step.tokens[w], step.logits[w]);
      }
    };
    const size_t beams = sequence.search ? sequence.search->live() : 1;
    if (caught(take, code, message)) fail_sequence(sequence, code, message);
    w += beams - 1;
  }
}

// Runs the network on a step and brings back the next tokens.
void Engine::compute(Step& step) {
  const ModelTime time(counts_.model_ms);
  Backend& backend = *loaded_->backend;
  const Vlm& model = loaded_->model;
  const TextConfig& text = model.config().text;
  const Arena::Scope scope(loaded_->arena);

  const bool records = step.decodes && backend.records();
  const int64_t bound = records ? pad(step) : 0;
  const Trace trace = recorder(backend, step.trace);
  const Run run{backend, loaded_->arena, step.traced != nullptr ? &trace : nullptr, &interrupt_};
  const Tensor ids = run.arena.matrix(step.rows(), 1, Dtype::kI32);
  const auto count = static_cast<int64_t>(step.wanted.size());
  const Tensor wanted = run.arena.matrix(count, 1, Dtype::kI32);
  const Tensor logits = run.arena.matrix(count, text.vocab_size, Dtype::kF32);
  const Tensor tokens = run.arena.matrix(count, 1, Dtype::kI32);
  const Tensor x =
      run.arena.matrix(step.rows(), text.hidden_size, backend.activation_dtype(model.llama().dtype()));
  {
    const DoingScope handing(backend.profile(), Doing::kJoin);
    backend.upload(step.ids.data(), ids);
    backend.upload(step.wanted.data(), wanted);
    loaded_->batch->set(step.row_begin, step.start, step.tables, bound);
  }
  {
    const DoingScope choosing(backend.profile(), Doing::kSample);
    std::vector<SamplingRow> choices;
    for (size_t w = 0; w < step.wanted.size(); w++)
      choices.push_back(step.wanting[w] ? step.wanting[w]->sampling_row(step.ahead[w]) : SamplingRow{});
    loaded_->sampling->set(choices);
  }
  const auto network = [&] {
    model.llama().embed(run, ids, x);
    for (size_t s = 0; s < step.sequences.size(); s++) {
      splice(*step.sequences[s], x.row_range(step.row_begin[s], step.row_begin[s + 1] - step.row_begin[s]));
    }
    run.watch("llm.embeds", {x.rows, x.cols}, x);
    model.llama().forward(run, x, *loaded_->batch, wanted, *loaded_->cache, logits);
    const PlaceScope place(backend.profile(), Stage::kSample);
    backend.sample(logits, *loaded_->sampling, tokens);
  };
  if (records) {
    backend.repeat("decode " + std::to_string(step.rows()) + " x " + std::to_string(bound), network);
  } else {
    network();
  }

  const DoingScope waiting(backend.profile(), Doing::kJoin);
  step.tokens.resize(step.wanted.size());
  backend.download(tokens, step.tokens.data());
  std::vector<float> row(static_cast<size_t>(logits.cols));
  for (const Step::Scored& scored : step.scored) {
    backend.download(logits.row_range(static_cast<int64_t>(scored.wanted), 1), row.data());
    scored.sequence->score_prompt(scored.position, row);
  }
  step.logits.resize(step.wanted.size());
  for (size_t w = 0; w < step.wanted.size(); w++) {
    if (step.wanting[w] == nullptr || !step.wanting[w]->wants_logits(step.ahead[w])) continue;
    step.logits[w].resize(static_cast<size_t>(logits.cols));
    backend.download(logits.row_range(static_cast<int64_t>(w), 1), step.logits[w].data());
  }
}

// Overwrites the rows at visual positions with the tokens of the images, in reading order.
void Engine::splice(const Sequence& sequence, const Tensor& x) {
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
