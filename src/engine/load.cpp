#include <algorithm>

#include "engine/loaded.h"

namespace honeybee {
namespace {

// Before anything is read: a context that cannot fit is refused at once, and the position table, which is
// smaller than the cache of one sequence, is never made for it.
void check_context(const EngineOptions& options, size_t free_bytes) {
  const TextConfig& text = options.config.text;
  const KvShape one_head{
      .layers = 1, .kv_heads = 1, .head_dim = text.head_dim, .blocks = 1, .dtype = options.kv_dtype};
  const double bytes = static_cast<double>(text.layers) * static_cast<double>(text.kv_heads) *
                       static_cast<double>(one_head.block_bytes() / kKvBlock) *
                       static_cast<double>(options.context);
  require(bytes <= static_cast<double>(free_bytes), ErrorCode::kOutOfMemory,
          "the KV cache of one sequence of ", options.context, " tokens takes ", bytes / 0x1p30, " GiB, ",
          static_cast<double>(free_bytes) / 0x1p30, " GiB are free; choose a shorter context");
}

// Blocks are taken as sequences grow, and few grow to full length: by default there are enough for 512 tokens
// of each and at least eight at full length, never more than a quarter of the memory. With bytes that the
// user named, as many as fit. In both cases at least one sequence of full length.
int64_t count_blocks(const EngineOptions& options, const KvShape& one_block, size_t weight_bytes,
                     size_t free_bytes) {
  const int64_t per_sequence = (options.context + kKvBlock - 1) / kKvBlock;
  const auto block_bytes = static_cast<size_t>(one_block.block_bytes());
  const size_t budget = options.memory == 0             ? free_bytes / 4
                        : options.memory > weight_bytes ? options.memory - weight_bytes
                                                        : 0;
  const auto affordable = static_cast<int64_t>(budget / block_bytes);
  const size_t limit = options.memory == 0 ? free_bytes : budget;
  require(static_cast<size_t>(per_sequence) * block_bytes <= limit, ErrorCode::kOutOfMemory,
          "the KV cache of one sequence of ", options.context, " tokens takes ",
          static_cast<size_t>(per_sequence) * block_bytes, " bytes, ", limit, " are left after the weights (",
          weight_bytes, " bytes); choose a shorter context or smaller weights");
  const int64_t usual = options.memory == 0 ? 512 / kKvBlock : per_sequence;
  const int64_t wanted = std::max(options.max_sequences * std::min(usual, per_sequence),
                                  std::min<int64_t>(8, options.max_sequences) * per_sequence);
  return std::clamp(affordable, per_sequence, wanted);
}

}  // namespace

void Engine::load_model() {
  const Clock::time_point begin = Clock::now();
  std::unique_ptr<Backend> backend = options_.backend();
  const std::unique_ptr<TensorStore> store = options_.store();
  const size_t free_before = backend->free_memory();
  check_context(options_, free_before);
  WeightLoader loader(backend.get(), store.get(), [this](size_t bytes) {
    if (interrupt_) throw Interrupted{};
    const bool worth_saying = bytes >= progress_ + (size_t{16} << 20);
    if (!worth_saying) return;
    progress_ = bytes;
    Event event;
    event.kind = Event::Kind::kProgress;
    event.bytes = bytes;
    announce(event);
  });
  Vlm model(options_.config, options_.dtypes, loader, options_.context, backend.get());
  const size_t weight_bytes = loader.packed_bytes();
  require(options_.memory == 0 || weight_bytes <= options_.memory, ErrorCode::kOutOfMemory,
          "the weights take ", weight_bytes, " bytes, more than the ", options_.memory,
          " that memory allows");

  const KvShape one_block = model.llama().kv_shape(1, options_.kv_dtype);
  const int64_t count =
      count_blocks(options_, one_block, weight_bytes, std::min(free_before, backend->free_memory()));
  std::unique_ptr<KvCache> cache = backend->make_kv_cache(model.llama().kv_shape(count, options_.kv_dtype));
  // A traced prompt runs in one step, whatever its length.
  const SchedulerLimits& limits = options_.limits;
  std::unique_ptr<PagedBatch> batch = backend->make_batch(
      {.sequences = options_.max_sequences,
       .rows = options_.max_sequences + std::max({options_.context, limits.prefill_rows,
                                                  limits.draft_rows + limits.mixed_prefill_rows}),
       .blocks = (options_.context + kKvBlock - 1) / kKvBlock});

  EngineInfo info;
  info.device = backend->name();
  info.description = backend->description();
  info.weight_bytes = weight_bytes;
  info.kv_bytes = cache->bytes();
  info.kv_blocks = count;
  // What the second backend reads has to be there.
  if (const auto loaded = backend->mark()) loaded->wait();
  std::unique_ptr<Backend> side = options_.config.vision ? backend->beside() : nullptr;
  const int64_t tokens_per_image = model.tokens_per_image();
  Backend& device = *backend;
  Backend& encoder = side ? *side : device;
  loaded_.reset(new Loaded{
      .backend = std::move(backend),
      .side = std::move(side),
      .model = std::move(model),
      .cache = std::move(cache),
      .batch = std::move(batch),
      .sampling = device.make_sampling_batch(),
      .readback = device.make_readback(),
      .last = device.allocate(static_cast<size_t>(options_.max_sequences) * sizeof(int32_t)),
      .arena = Arena(device),
      .side_arena = Arena(encoder),
      .pictures = Arena(encoder),
      .scheduler = {{.max_sequences = options_.max_sequences,
                     .positions = options_.context,
                     .tokens_per_image = tokens_per_image,
                     .prefix_cache = options_.prefix_cache,
                     .key = random_hash_key(),
                     .limits = options_.limits},
                    count},
      .images = ImageCache(encoder, std::min(options_.image_cache, free_before / 8)),
      .steps = options_.step_trace.empty() ? nullptr : std::make_unique<StepTrace>(options_.step_trace),
      .profile = nullptr,
      .listeners = {},
      .encoding = {},
      .under_way = {}});
  loaded_->listeners.steps = loaded_->steps.get();
  info.load_ms = milliseconds(begin, Clock::now());
  {
    const std::lock_guard lock(mutex_);
    info_ = info;
    stats_.blocks_free = count;
  }
  Event ready;
  ready.kind = Event::Kind::kReady;
  announce(ready);
}

}  // namespace honeybee
