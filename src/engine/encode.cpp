// Images on their way to visual tokens: started on the encoder, which may run beside the steps of the
// language model, and taken over when they are there.
#include "engine/loaded.h"
#include "engine/recorder.h"

namespace honeybee {
namespace {

constexpr size_t kMostAtOnce = 16;

}  // namespace

// Starts the next images of the first sequence that has some to encode, or takes over those under way.
// Without anything else to do it waits for them.
void Engine::advance_encoding(bool idle) {
  Loaded::Encoding& encoding = loaded_->encoding;
  if (encoding.sequence == nullptr) {
    for (const auto& sequence : running_) {
      if (sequence->phase != Sequence::Phase::kEncode) continue;
      guarded({sequence.get()}, [&] { start_encoding(*sequence); });
      break;
    }
  }
  if (encoding.sequence == nullptr) return;
  Sequence& sequence = *encoding.sequence;
  guarded({&sequence}, [&] {
    if (encoding.mark != nullptr) {
      if (idle) encoding.mark->wait();
      if (!encoding.mark->reached()) return;
    }
    take_encoded(sequence);
  });
}

// Queues as many images of a sequence as are encoded at once: one where nothing is gained by more, so that
// the others go on between images, and all of them when traced, so that the reference points hold all.
void Engine::start_encoding(Sequence& sequence) {
  Backend& backend = loaded_->encoder();
  const Vlm& model = loaded_->model;
  std::vector<ImageInput>& images = sequence.request.images;
  const size_t begin = sequence.encoded;
  const bool traced = sequence.request.trace;
  size_t end = begin + 1;
  const size_t most = traced ? images.size() : backend.records() ? kMostAtOnce : 1;
  if (images[begin].tokens.empty()) {
    while (end < images.size() && end - begin < most && images[end].tokens.empty()) end++;
  }

  Loaded::Encoding& encoding = loaded_->encoding;
  encoding.scope.emplace(loaded_->encoder_arena());
  // Whatever fails below, work that was queued may still use the memory.
  encoding.sequence = &sequence;
  std::vector<TraceTensor> recorded;
  const Trace trace = recorder(backend, recorded);
  const Run run{backend, loaded_->encoder_arena(), traced ? &trace : nullptr, &interrupt_};
  const auto count = static_cast<int64_t>(end - begin);
  const int64_t rows = model.tokens_per_image();
  const int64_t width = model.config().text.hidden_size;
  const Dtype dtype = backend.activation_dtype(model.llama().dtype());
  const Tensor tokens = run.arena.matrix(count * rows, width, dtype);
  try {
    if (images[begin].tokens.empty()) {
      encode_pixels(run, std::span(images).subspan(begin, end - begin), begin, tokens);
    } else {
      const Tensor given = run.arena.matrix(rows, width, Dtype::kF32);
      require(static_cast<int64_t>(images[begin].tokens.size()) == given.size(), ErrorCode::kImage, "image ",
              begin + 1, ": ", images[begin].tokens.size(), " visual token values, this model expects [",
              rows, ", ", width, "]");
      backend.upload(images[begin].tokens.data(), given);
      backend.copy(given, tokens);
    }
    for (int64_t i = 0; i < count; i++) {
      sequence.visual.push_back(take_visual(static_cast<size_t>(rows * width) * dtype_size(dtype)));
      sequence.visual_rows.push_back({sequence.visual.back()->data(), dtype, rows, width, width});
      backend.copy(tokens.row_range(i * rows, rows), sequence.visual_rows.back());
    }
  } catch (...) {
    sequence.visual.resize(begin);
    sequence.visual_rows.resize(begin);
    settle_encoding();
    throw;
  }
  std::move(recorded.begin(), recorded.end(), std::back_inserter(sequence.trace));
  encoding.images = end - begin;
  encoding.mark = backend.mark();
}

// rgb of some images → tokens [images · (M + K), D]; `first` counts for messages.
void Engine::encode_pixels(const Run& run, std::span<const ImageInput> images, size_t first,
                           const Tensor& tokens) {
  const Vlm& model = loaded_->model;
  require(model.config().vision.has_value(), ErrorCode::kOption,
          "this model sees no images: it has no vision tower");
  const int64_t side = model.config().vision->image_size;
  const auto count = static_cast<int64_t>(images.size());
  const Tensor rgb = run.arena.matrix(count, side * side * 3, Dtype::kU8);
  for (int64_t i = 0; i < count; i++) {
    const ImageInput& image = images[static_cast<size_t>(i)];
    const Tensor row = rgb.row_range(i, 1);
    require(static_cast<int64_t>(image.rgb.size()) == row.size(), ErrorCode::kImage, "image ",
            first + static_cast<size_t>(i) + 1, ": ", image.rgb.size(), " bytes, this model expects ", side,
            " x ", side, " RGB pixels");
    run.backend.upload(image.rgb.data(), row);
  }
  const auto compute = [&] { run.backend.copy(model.encode_images(run, rgb), tokens); };
  if (run.trace == nullptr) {
    run.backend.repeat("vision " + std::to_string(count), compute);
  } else {
    compute();
  }
}

// The images under way are there: on to the next ones, to the prompt, or to the end of a request that wanted
// only them.
void Engine::take_encoded(Sequence& sequence) {
  sequence.encoded += loaded_->encoding.images;
  settle_encoding();
  if (sequence.encoded < sequence.request.images.size()) return;
  if (sequence.prompt_length > 0) {
    sequence.enter(Sequence::Phase::kPrefill);
    return;
  }
  for (const Tensor& tokens : sequence.visual_rows) {
    std::vector<char> raw(static_cast<size_t>(tokens.size()) * dtype_size(tokens.dtype));
    loaded_->encoder().download(tokens, raw.data());
    const size_t at = sequence.visual_tokens.size();
    sequence.visual_tokens.resize(at + static_cast<size_t>(tokens.size()));
    convert_to_float(tokens.dtype, raw.data(), sequence.visual_tokens.data() + at,
                     static_cast<size_t>(tokens.size()));
  }
  finish(sequence, Event::Reason::kStop);
}

// Lets go of the memory that the images under way use, once nothing works with it any more.
void Engine::settle_encoding() {
  Loaded::Encoding& encoding = loaded_->encoding;
  try {
    if (const auto end = encoding.mark ? std::move(encoding.mark) : loaded_->encoder().mark()) end->wait();
  } catch (const Error&) {
    // Whoever asked for the work has heard of it; the memory is free either way.
  }
  encoding.scope.reset();
  encoding.sequence = nullptr;
  encoding.images = 0;
}

std::unique_ptr<Memory> Engine::take_visual(size_t bytes) {
  auto& pool = loaded_->visual_pool;
  if (pool.empty()) return loaded_->encoder().allocate(bytes);
  std::unique_ptr<Memory> memory = std::move(pool.back());
  pool.pop_back();
  return memory;
}

void Engine::release_visual(Sequence& sequence) {
  if (!loaded_) return;
  if (loaded_->encoding.sequence == &sequence) settle_encoding();
  for (auto& memory : sequence.visual) loaded_->visual_pool.push_back(std::move(memory));
  sequence.visual.clear();
  sequence.visual_rows.clear();
}

}  // namespace honeybee
