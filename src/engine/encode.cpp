// Images on their way to visual tokens: encoded in batches, whoever they belong to, on the encoder, which may
// run beside the steps of the language model.
#include <algorithm>

#include "engine/loaded.h"
#include "engine/recorder.h"

namespace honeybee {
namespace {

using State = EncodedImage::State;

constexpr size_t kMostAtOnce = 16;

}  // namespace

// An image to encode, as the request has it that asks first.
struct Engine::WantedImage {
  std::shared_ptr<EncodedImage> image;
  Sequence* sequence;
  size_t index;

  const ImageInput& input() const { return sequence->request.images[index]; }
  bool is_pixels() const { return input().tokens.empty(); }
};

// Gives a sequence that was let in the images that the rest of its prompt shows.
void Engine::request_images(Sequence& sequence) {
  sequence.visual.assign(sequence.request.images.size(), nullptr);
  for (size_t i = 0; i < sequence.visual.size(); i++) {
    if (!sequence.needs_image(i)) continue;
    // Reference points are of the work itself.
    if (sequence.traced()) loaded_->images.forget(sequence.image_contents[i]);
    sequence.visual[i] = loaded_->images.find(sequence.image_contents[i]);
  }
}

// Starts the next images that sequences wait for, or takes over those under way. Without anything else to do
// it waits for them.
void Engine::advance_encoding(bool idle) {
  Loaded::Encoding& encoding = loaded_->encoding;
  use_encoded();
  if (encoding.images.empty()) start_encoding();
  if (encoding.images.empty()) return;
  guarded(waiting_for_images(), [&] {
    try {
      if (encoding.mark != nullptr) {
        const ModelTime time(counts_.model_ms);
        const DoingScope waiting(loaded_->profile.get(), Doing::kJoin);
        if (idle) encoding.mark->wait();
        if (!encoding.mark->reached()) return;
      }
      counts_.images_encoded += static_cast<int64_t>(encoding.images.size());
      if (loaded_->steps) loaded_->steps->images(encoding.begin, Clock::now(), encoding.images.size());
      settle_encoding(true);
    } catch (const std::exception&) {
      give_up_encoding();
    }
  });
  use_encoded();
}

// As many images as are encoded at once, in the order of ranks: one where nothing is gained by more, so that
// the others go on between images, and all of a traced sequence, so that the reference points hold all.
std::vector<Engine::WantedImage> Engine::next_images() const {
  const size_t most = loaded_->encoder().records() && loaded_->encoding.singly == 0 ? kMostAtOnce : 1;
  std::vector<WantedImage> batch;
  for (Sequence* sequence : loaded_->scheduler.running()) {
    if (sequence->phase != Sequence::Phase::kEncode) continue;
    const bool traced = sequence->traced();
    if (traced && !batch.empty()) return batch;
    for (size_t i = 0; i < sequence->visual.size(); i++) {
      const WantedImage wanted{sequence->visual[i], sequence, i};
      if (wanted.image == nullptr || wanted.image->state != State::kWanted) continue;
      if (std::ranges::any_of(batch, [&](const auto& other) { return other.image == wanted.image; }))
        continue;
      if (!batch.empty() && !wanted.is_pixels()) return batch;
      batch.push_back(wanted);
      if (!wanted.is_pixels() || (batch.size() == most && !traced)) return batch;
    }
    if (traced && !batch.empty()) return batch;
  }
  return batch;
}

std::vector<Sequence*> Engine::waiting_for_images() const {
  const auto& images = loaded_->encoding.images;
  std::vector<Sequence*> waiting;
  for (Sequence* sequence : loaded_->scheduler.running()) {
    const bool waits = std::ranges::any_of(sequence->visual, [&](const auto& image) {
      return image != nullptr && std::ranges::find(images, image) != images.end();
    });
    if (waits) waiting.push_back(sequence);
  }
  return waiting;
}

void Engine::start_encoding() {
  const std::vector<WantedImage> batch = next_images();
  if (batch.empty()) return;
  for (const WantedImage& wanted : batch) loaded_->encoding.images.push_back(wanted.image);
  guarded(waiting_for_images(), [&] {
    const ModelTime time(counts_.model_ms);
    try {
      queue_images(batch);
    } catch (const Interrupted&) {
      settle_encoding(false);
      throw;
    } catch (const std::exception&) {
      give_up_encoding();
    }
  });
}

// What failed: a single image, and those who wait for it hear of it; or several, then each is tried alone, so
// that one does no harm to the others. Called while the failure is being handled.
void Engine::give_up_encoding() {
  Loaded::Encoding& encoding = loaded_->encoding;
  const size_t count = encoding.images.size();
  if (count == 1) loaded_->images.forget(encoding.images.front()->content);
  settle_encoding(false);
  if (count == 1) throw;
  encoding.singly = count;
}

void Engine::queue_images(const std::vector<WantedImage>& batch) {
  Backend& backend = loaded_->encoder();
  const Vlm& model = loaded_->model;
  Loaded::Encoding& encoding = loaded_->encoding;
  encoding.scope.emplace(loaded_->encoder_arena());
  encoding.begin = Clock::now();
  if (backend.profile() != nullptr) backend.profile()->next_step();
  const DoingScope preparing(backend.profile(), Doing::kHost);
  const RangeScope range(backend.ranges(), "encode");
  // What is left of the images once they are seen, and where it goes. No range: the vision tower's is in it.
  const PlaceScope place({.profile = backend.profile()}, Stage::kProjector);
  Sequence& first = *batch.front().sequence;
  std::vector<TraceTensor> recorded;
  const Trace trace = recorder(backend, recorded);
  const Run run{backend, loaded_->encoder_arena(), first.traced() ? &trace : nullptr, &interrupt_};
  const auto count = static_cast<int64_t>(batch.size());
  const int64_t rows = model.tokens_per_image();
  const int64_t width = model.config().text.hidden_size;
  const Dtype dtype = backend.activation_dtype(model.llama().dtype());
  const Tensor tokens = run.arena.matrix(count * rows, width, dtype);
  if (batch.front().is_pixels()) {
    encode_pixels(run, batch, tokens);
  } else {
    const Tensor given = run.arena.matrix(rows, width, Dtype::kF32);
    backend.upload(batch.front().input().tokens.data(), given);
    backend.copy(given, tokens);
  }
  for (int64_t i = 0; i < count; i++) {
    EncodedImage& image = *batch[static_cast<size_t>(i)].image;
    loaded_->images.allocate(image, rows, width, dtype);
    image.state = State::kEncoding;
    backend.copy(tokens.row_range(i * rows, rows), image.tokens);
  }
  std::move(recorded.begin(), recorded.end(), std::back_inserter(first.trace));
  encoding.mark = backend.mark();
}

// rgb of an image [1, S·S·3], on the device. What is uploaded for a resize is gone before the next picture
// comes: work on one stream keeps its order.
void Engine::upload_pixels(const ImageInput& image, const Tensor& rgb) {
  Backend& backend = loaded_->encoder();
  const PlaceScope place(backend.observers(), Stage::kVision);
  const DoingScope handing(backend.profile(), Doing::kJoin);
  if (!image.resize) {
    backend.upload(image.rgb.data(), rgb);
    return;
  }
  const Arena::Scope scope(loaded_->pictures);
  const Tensor picture =
      loaded_->pictures.matrix(image.resize->height, int64_t{3} * image.resize->width, Dtype::kU8);
  backend.upload(image.rgb.data(), picture);
  backend.resize_bicubic(picture, *image.resize, rgb);
}

// rgb of some images → tokens [images · (M + K), D].
void Engine::encode_pixels(const Run& run, const std::vector<WantedImage>& batch, const Tensor& tokens) {
  const Vlm& model = loaded_->model;
  const int64_t side = model.config().vision->image_size;
  const auto count = static_cast<int64_t>(batch.size());
  const Tensor rgb = run.arena.matrix(count, side * side * 3, Dtype::kU8);
  for (int64_t i = 0; i < count; i++)
    upload_pixels(batch[static_cast<size_t>(i)].input(), rgb.row_range(i, 1));
  const auto compute = [&] { run.backend.copy(model.encode_images(run, rgb), tokens); };
  if (run.trace == nullptr) {
    run.backend.repeat("vision " + std::to_string(count), compute);
  } else {
    compute();
  }
}

// The images under way are there, or are given up: lets go of the memory that they use, once nothing works
// with it any more.
void Engine::settle_encoding(bool ready) {
  Loaded::Encoding& encoding = loaded_->encoding;
  const DoingScope waiting(loaded_->profile.get(), Doing::kJoin);
  try {
    if (const auto end = encoding.mark ? std::move(encoding.mark) : loaded_->encoder().mark()) end->wait();
  } catch (const Error&) {
    // Whoever asked for the work has heard of it; the memory is free either way.
  }
  encoding.scope.reset();
  encoding.singly -= std::min(encoding.singly, encoding.images.size());
  for (const auto& image : encoding.images) image->state = ready ? State::kReady : State::kWanted;
  encoding.images.clear();
}

// On to the prompt with those whose images are all there, or to the end of a request that wanted only them.
void Engine::use_encoded() {
  const std::vector<Sequence*> running = loaded_->scheduler.running();
  for (Sequence* sequence : running) {
    const auto missing = [](const auto& image) { return image != nullptr && image->state != State::kReady; };
    if (sequence->phase != Sequence::Phase::kEncode || std::ranges::any_of(sequence->visual, missing))
      continue;
    if (sequence->prompt_length > 0) {
      sequence->enter(Sequence::Phase::kPrefill);
    } else {
      guarded({sequence}, [&] { return_visual_tokens(*sequence); });
    }
  }
}

void Engine::return_visual_tokens(Sequence& sequence) {
  for (const auto& image : sequence.visual) {
    const Tensor& tokens = image->tokens;
    std::vector<char> raw(static_cast<size_t>(tokens.size()) * dtype_size(tokens.dtype));
    loaded_->encoder().download(tokens, raw.data());
    const size_t at = sequence.visual_tokens.size();
    sequence.visual_tokens.resize(at + static_cast<size_t>(tokens.size()));
    convert_to_float(tokens.dtype, raw.data(), sequence.visual_tokens.data() + at,
                     static_cast<size_t>(tokens.size()));
  }
  finish(sequence, Event::Reason::kStop);
}

void Engine::release_visual(Sequence& sequence) { loaded_->images.release(sequence.visual); }

}  // namespace honeybee
