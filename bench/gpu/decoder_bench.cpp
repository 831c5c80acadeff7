#include "decoder_bench.h"

#include <algorithm>

namespace honeybee::gpu {
namespace {

constexpr int64_t kAimedPrompt = 2048;
constexpr double kPrefillAim = 0.65;
constexpr double kDecodeAim = 0.88;  // of one sequence

int64_t blocks_of(int64_t positions) { return (positions + kKvBlock - 1) / kKvBlock; }

int64_t longest(const Workload& workload) {
  return std::max(workload.context, *std::ranges::max_element(workload.prompts));
}

}  // namespace

/// Sequences with a KV cache of their own and the memory of one step, as the engine has them.
class DecoderBench::Step {
 public:
  Step(const DecoderBench& owner, int64_t sequences, int64_t positions)
      : bench_(owner.bench_),
        llama_(owner.llama_),
        sequences_(sequences),
        blocks_(blocks_of(positions)),
        positions_(positions),
        arena_(bench_.backend),
        cache_(bench_.backend.make_kv_cache(llama_.kv_shape(sequences * blocks_, bench_.kv_dtype()))),
        batch_(bench_.backend.make_batch(
            {.sequences = sequences, .rows = std::max(sequences, positions), .blocks = blocks_})),
        sampling_(bench_.backend.make_sampling_batch()) {}

  size_t kv_bytes() const { return cache_->bytes(); }

  /// Runs positions 0 … count - 1 of one sequence, without choosing a token.
  void fill(int64_t sequence, int64_t count) {
    const Arena::Scope scope(arena_);
    const Buffers buffers = make_buffers(count, 0);
    upload_ids(buffers.ids);
    batch_->set(std::vector<int32_t>{0, static_cast<int32_t>(count)}, std::vector<int32_t>{0},
                table(sequence));
    compute(buffers);
  }

  /// A prompt of all positions of the only sequence, up to its first token.
  void prefill() {
    const Arena::Scope scope(arena_);
    const Buffers buffers = make_buffers(positions_, 1);
    upload_ids(buffers.ids);
    const auto last = static_cast<int32_t>(positions_ - 1);
    bench_.backend.upload(&last, buffers.wanted);
    batch_->set(std::vector<int32_t>{0, last + 1}, std::vector<int32_t>{0}, table(0));
    sampling_->set(std::vector<SamplingRow>(1));
    compute(buffers);
    bench_.backend.sample(buffers.logits, *sampling_, buffers.tokens);
    int32_t token = 0;
    bench_.backend.download(buffers.tokens, &token);
  }

  /// The last position of every sequence once more, from ids to chosen tokens, recorded as the engine does
  /// it.
  void decode() {
    const Arena::Scope scope(arena_);
    const Buffers buffers = make_buffers(sequences_, sequences_);
    const auto count = static_cast<int32_t>(sequences_);
    std::vector<int32_t> rows(static_cast<size_t>(sequences_) + 1);
    std::vector<int32_t> tables;
    for (int32_t i = 0; i <= count; i++) rows[static_cast<size_t>(i)] = i;
    for (int32_t i = 0; i < count; i++) {
      const std::vector<int32_t> one = table(i);
      tables.insert(tables.end(), one.begin(), one.end());
    }
    upload_ids(buffers.ids);
    bench_.backend.upload(rows.data(), buffers.wanted);
    batch_->set(rows, std::vector<int32_t>(static_cast<size_t>(count), static_cast<int32_t>(positions_ - 1)),
                tables, blocks_ * kKvBlock);
    sampling_->set(std::vector<SamplingRow>(static_cast<size_t>(count)));
    bench_.backend.repeat("decode x " + std::to_string(sequences_), [&] {
      compute(buffers);
      bench_.backend.sample(buffers.logits, *sampling_, buffers.tokens);
    });
    std::vector<int32_t> tokens(static_cast<size_t>(count));
    bench_.backend.download(buffers.tokens, tokens.data());
  }

 private:
  struct Buffers {
    Tensor ids, wanted, x, logits, tokens;
  };

  // Of a step of so many rows, `wanted` of which want logits; the same memory for the same sizes.
  Buffers make_buffers(int64_t rows, int64_t wanted) {
    const TextConfig& text = llama_.config();
    return {arena_.matrix(rows, 1, Dtype::kI32), arena_.matrix(wanted, 1, Dtype::kI32),
            arena_.matrix(rows, text.hidden_size, bench_.backend.activation_dtype(bench_.weights)),
            arena_.matrix(wanted, text.vocab_size, Dtype::kF32), arena_.matrix(wanted, 1, Dtype::kI32)};
  }

  void upload_ids(const Tensor& ids) const {
    std::vector<int32_t> values(static_cast<size_t>(ids.rows));
    for (size_t i = 0; i < values.size(); i++) {
      values[i] = static_cast<int32_t>((i * 7919 + 1) % static_cast<size_t>(llama_.config().vocab_size));
    }
    bench_.backend.upload(values.data(), ids);
  }

  void compute(const Buffers& buffers) {
    const Run run{bench_.backend, arena_};
    llama_.embed(run, buffers.ids, buffers.x);
    llama_.forward(run, buffers.x, *batch_, buffers.wanted, *cache_, buffers.logits);
  }

  // Sequence s has the blocks s, s + sequences, …: neighbours in time lie apart, as in a cache that has been
  // in use.
  std::vector<int32_t> table(int64_t sequence) const {
    std::vector<int32_t> blocks;
    for (int64_t b = 0; b < blocks_; b++) blocks.push_back(static_cast<int32_t>(b * sequences_ + sequence));
    return blocks;
  }

  Bench& bench_;
  const Llama& llama_;
  int64_t sequences_;
  int64_t blocks_;
  int64_t positions_;
  Arena arena_;
  std::unique_ptr<KvCache> cache_;
  std::unique_ptr<PagedBatch> batch_;
  std::unique_ptr<SamplingBatch> sampling_;
};

DecoderBench::DecoderBench(Bench& bench)
    : bench_(bench),
      loader_(progress_loader(bench, "decoder")),
      llama_(bench.workload.text, loader_, {bench.floats(), bench.floats(), bench.weights, bench.floats(), bench.head()}, longest(bench.workload), &bench.backend) {
  bench.weight_bytes += loader_.packed_bytes();
}

void DecoderBench::prefill(int64_t tokens) const {
  Row row;
  row.key = "prefill";
  row.count = row.amount = tokens;
  row.what = "prefill of " + std::to_string(tokens);
  row.unit = "tokens";
  if (tokens == kAimedPrompt) row.aim = kPrefillAim;
  bench_.measure(row, [&](Row& done) {
    done.seconds = time_prefill(tokens);
    done.work = decoder_work(bench_.workload.text, {tokens, 1, tokens * (tokens + 1) / 2, tokens},
                             {bench_.weights, bench_.head(), bench_.kv_dtype()});
    const Ceiling roof = ceiling(done.work, bench_.rates);
    done.share = roof.seconds / done.seconds;
    done.of = roof.rate;
  });
}

void DecoderBench::decode(int64_t sequences) {
  const int64_t context = bench_.workload.context;
  Row row;
  row.key = "decode";
  row.count = row.amount = sequences;
  row.what = "decode at " + std::to_string(context) + ", batch " + std::to_string(sequences);
  row.unit = "tokens";
  if (sequences == 1) row.aim = kDecodeAim;
  bench_.measure(row, [&](Row& done) {
    done.seconds = time_decode(sequences);
    done.work =
        decoder_work(bench_.workload.text, {sequences, sequences, sequences * context, sequences * context},
                     {bench_.weights, bench_.head(), bench_.kv_dtype()});
    const Ceiling roof = ceiling(done.work, bench_.rates);
    done.share = roof.seconds / done.seconds;
    done.of = roof.rate;
  });
}

double DecoderBench::time_prefill(int64_t tokens) const {
  Step step(*this, 1, tokens);
  return bench_.median_seconds([&] { step.prefill(); }, [] {});
}

double DecoderBench::time_decode(int64_t sequences) {
  const int64_t context = bench_.workload.context;
  Step step(*this, sequences, context);
  // Keys and values of real prompts: a cache of zeros would be read faster.
  for (int64_t s = 0; s < sequences; s++) step.fill(s, context - 1);
  const double seconds = bench_.median_seconds([&] { step.decode(); }, [] {});
  const size_t free = bench_.backend.free_memory();
  used_ = free < bench_.device_memory ? bench_.device_memory - free : 0;
  kv_bytes_ = step.kv_bytes();
  return seconds;
}

void DecoderBench::memory() const {
  if (used_ > 0) bench_.report.memory(used_, bench_.weight_bytes, kv_bytes_);
}

}  // namespace honeybee::gpu
