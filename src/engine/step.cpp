#include <algorithm>
#include <bit>

#include "engine/caught.h"
#include "engine/loaded.h"
#include "engine/recorder.h"

namespace honeybee {

// What one step of the language model computes, as the host sees it.
struct Engine::Step {
  std::vector<Sequence*> sequences;                 ///< a beam search comes once for each beam
  std::vector<const std::vector<int32_t>*> blocks;  ///< of each of them
  std::vector<int32_t> row_begin{0};
  std::vector<int32_t> start;
  std::vector<int32_t> ids;
  std::vector<int32_t> wanted;     ///< rows whose logits are wanted
  std::vector<Sequence*> wanting;  ///< whose next token comes from each of them; null for rows only traced
  std::vector<int64_t> ahead;      ///< of each of them, drafted tokens that its row follows
  struct Scored {
    size_t wanted = 0;  ///< which of the wanted rows
    Sequence* sequence = nullptr;
    int64_t position = 0;
  };
  std::vector<Scored> scored;        ///< tokens of prompts whose log-probabilities are wanted
  std::vector<Sequence*> forked_of;  ///< of a twin, the sequence that computed its prompt; else null
  std::vector<int32_t> tables;       ///< block tables
  Sequence* traced = nullptr;
  bool prefills = false;  ///< some of it
  bool decodes = true;    ///< one row each, nothing traced or drafted: a shape that comes again and again

  // What came of it.
  std::vector<int32_t> tokens;             ///< for each wanted row
  std::vector<std::vector<float>> logits;  ///< of the wanted rows whose sequence asked for them
  std::vector<TraceTensor> trace;

  void begin(Sequence& sequence, const std::vector<int32_t>& table) {
    sequences.push_back(&sequence);
    blocks.push_back(&table);
    start.push_back(static_cast<int32_t>(sequence.computed));
  }
  void end() { row_begin.push_back(static_cast<int32_t>(ids.size())); }

  void want(int32_t row, Sequence* sequence, Sequence* forked, int64_t drafts = 0) {
    wanted.push_back(row);
    wanting.push_back(sequence);
    ahead.push_back(drafts);
    forked_of.push_back(forked);
  }

  int64_t rows() const { return static_cast<int64_t>(ids.size()); }
};

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

Engine::Step Engine::make_step(const std::vector<Share>& shares) const {
  Step step;
  size_t max_blocks = 0;
  for (const Share& share : shares) {
    Sequence& sequence = *share.sequence;
    for (size_t beam = 0; beam < sequence.beam_blocks.size(); beam++) {
      step.begin(sequence, sequence.beam_blocks[beam]);
      step.want(static_cast<int32_t>(step.ids.size()), &sequence, nullptr);
      step.ids.push_back(sequence.search->tokens(beam).back());
      step.end();
    }
    if (!sequence.beam_blocks.empty()) continue;
    step.begin(sequence, sequence.blocks);
    const bool prefills = sequence.phase == Sequence::Phase::kPrefill;
    const bool trace_rows = prefills && sequence.traced();
    if (trace_rows) step.traced = &sequence;
    if (prefills) step.prefills = true;
    if (prefills || !sequence.drafted.empty()) step.decodes = false;
    for (int64_t r = 0; r < share.rows; r++) {
      const int64_t ahead = sequence.computed + r + 1 - sequence.length();
      const bool last = ahead == 0;
      const auto row = static_cast<int32_t>(step.ids.size());
      // Twins go on from blocks that the sequence may give back with this very token: it comes after them.
      if (last) {
        for (Sequence* twin : share.twins) step.want(row, twin, &sequence);
      }
      if (ahead >= 0) {
        step.want(row, &sequence, nullptr, ahead);
      } else {
        const int64_t next = sequence.computed + r + 1;
        const bool scores = sequence.scores_prompt() && sequence.token(next) >= 0;
        if (scores) step.scored.push_back({step.wanted.size(), &sequence, next});
        if (scores || trace_rows) step.want(row, nullptr, nullptr);
      }
      step.ids.push_back(sequence.token(sequence.computed + r));
    }
    step.end();
  }
  for (const std::vector<int32_t>* table : step.blocks) max_blocks = std::max(max_blocks, table->size());
  step.tables.resize(max_blocks * step.sequences.size());
  for (size_t s = 0; s < step.sequences.size(); s++) {
    std::copy(step.blocks[s]->begin(), step.blocks[s]->end(),
              step.tables.begin() + static_cast<ptrdiff_t>(s * max_blocks));
  }
  return step;
}

// Pads a decoding step to the next power of two of sequences and the full width of the block table, so that
// few recordings serve all steps. Returns the length that they are made for.
int64_t Engine::pad(Step& step) const {
  constexpr int64_t kShortest = 256;
  int64_t longest = 1;
  for (const int32_t start : step.start) longest = std::max<int64_t>(longest, start + 1);
  const auto bound = std::min<int64_t>(
      loaded_->batch->limits().blocks * kKvBlock,
      static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(std::max(longest, kShortest)))));
  const size_t used = step.sequences.size();
  const size_t padded =
      std::min(std::bit_ceil(used), static_cast<size_t>(loaded_->batch->limits().sequences));
  const size_t width = step.tables.size() / used;
  const auto full = static_cast<size_t>(loaded_->batch->limits().blocks);
  std::vector<int32_t> tables(padded * full);
  for (size_t s = 0; s < used; s++) {
    std::copy_n(step.tables.begin() + static_cast<ptrdiff_t>(s * width), width,
                tables.begin() + static_cast<ptrdiff_t>(s * full));
  }
  step.tables = std::move(tables);
  while (step.start.size() < padded) {
    step.row_begin.push_back(step.row_begin.back() + 1);
    step.start.push_back(-1);
    step.want(static_cast<int32_t>(step.ids.size()), nullptr, nullptr);
    step.ids.push_back(-1);
  }
  return bound;
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

// Whether the answer has come to the row behind this many drafted tokens: then the last of them is the very
// token that was chosen, and what the step computed for it counts. Else what was guessed is worth nothing.
bool Engine::accept_draft(Sequence& sequence, int64_t ahead) {
  const auto guess = static_cast<size_t>(ahead - 1);
  if (guess >= sequence.drafted.size()) return false;
  if (sequence.phase != Sequence::Phase::kDecode || sequence.drafted[guess] != sequence.generated.back()) {
    sequence.forget_draft();
    return false;
  }
  counts_.accepted_tokens++;
  loaded_->scheduler.advance(sequence, 1);
  return true;
}

// A twin of a sequence whose prefill has just ended goes on from there.
bool Engine::fork(const Sequence& sequence, Sequence& twin) {
  std::vector<BlockCopy> copies;
  if (!loaded_->scheduler.fork(sequence, twin, copies)) return false;
  for (const auto& [from, to] : copies) loaded_->backend->copy_block(*loaded_->cache, from, to);
  return true;
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

void Engine::enter_decode(Sequence& sequence) {
  if (sequence.phase != Sequence::Phase::kPrefill) return;
  sequence.enter(Sequence::Phase::kDecode);
  release_visual(sequence);
}

// Takes the logits [V] of each live beam.
void Engine::advance_beams(Sequence& sequence, std::span<std::vector<float>> logits) {
  enter_decode(sequence);
  if (!sequence.search->finished()) {
    sequence.search->advance(logits);
    counts_.generated_tokens += static_cast<int64_t>(sequence.search->live());
  }
  if (sequence.search->finished()) {
    finish(sequence, Event::Reason::kStop);
  } else {
    loaded_->scheduler.branch(sequence, sequence.search->parents());
  }
}

// Takes the next token of a sequence and decides whether it was the last. `logits` are empty unless asked
// for.
void Engine::consume(Sequence& sequence, int32_t token, const std::vector<float>& logits) {
  enter_decode(sequence);
  const Request& request = sequence.request;
  const auto step = static_cast<int64_t>(sequence.generated.size());
  if (step >= request.max_tokens) {
    finish(sequence, Event::Reason::kLength);
    return;
  }
  if (step < request.raw_logits)
    sequence.raw_logits.insert(sequence.raw_logits.end(), logits.begin(), logits.end());
  if (token < 0 && sequence.constraint && !sequence.constraint->can_go_on()) {
    fail_sequence(sequence, ErrorCode::kOption,
                  "responseFormat: no token of this vocabulary continues the answer");
    return;
  }
  if (token < 0) {
    fail_sequence(
        sequence, ErrorCode::kDevice,
        "the model's logits are not numbers, or every token was ruled out; check the weights and logitBias");
    return;
  }
  if (std::find(request.stop_tokens.begin(), request.stop_tokens.end(), token) != request.stop_tokens.end()) {
    finish(sequence, Event::Reason::kStop);
    return;
  }
  counts_.generated_tokens++;
  sequence.take(token);
  Event event;
  event.kind = Event::Kind::kToken;
  event.request = request.id;
  event.token = token;
  if (request.logprobs >= 0) {
    event.has_logprob = true;
    event.logprob = token_logprob(logits, token, request.logprobs, event.most).logprob;
  }
  emit(sequence, std::move(event));
  if (sequence.constraint && !sequence.constraint->accept(token)) {
    fail_sequence(sequence, ErrorCode::kDevice, "a token that responseFormat does not allow was chosen");
    return;
  }
  if (sequence.constraint && sequence.constraint->finished()) {
    finish(sequence, Event::Reason::kStop);
  } else if (step + 1 >= request.max_tokens) {
    finish(sequence, Event::Reason::kLength);
  }
}

}  // namespace honeybee
