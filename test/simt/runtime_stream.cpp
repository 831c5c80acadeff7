#include "runtime_stream.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "runtime.h"

namespace honeybee::simt {
namespace {

// As many entries as a device takes before a launch has to wait for it.
constexpr size_t kQueueDepth = 1024;

bool can_run(const CUstream_st& stream) {
  if (stream.pending.empty()) return false;
  const Work& head = stream.pending.front();
  return head.wait == nullptr || head.wait->done;
}

}  // namespace

StreamPointer Streams::create(int device, bool blocking) {
  auto stream = std::make_shared<CUstream_st>();
  stream->device = device;
  stream->blocking = blocking;
  streams_.push_back(stream);
  return stream;
}

StreamPointer Streams::legacy(int device) {
  const auto index = static_cast<size_t>(device);
  if (legacy_.size() <= index) legacy_.resize(index + 1);
  if (legacy_[index] == nullptr) {
    legacy_[index] = std::make_shared<CUstream_st>();
    legacy_[index]->device = device;
    legacy_[index]->blocking = false;
  }
  return legacy_[index];
}

StreamPointer Streams::find(cudaStream_t handle, int device) {
  if (handle == nullptr) return legacy(device);
  const auto found = std::find_if(streams_.begin(), streams_.end(), [&](const StreamPointer& stream) {
    return stream.get() == handle && !stream->destroyed;
  });
  return found == streams_.end() ? nullptr : *found;
}

void Streams::destroy(CUstream_st& stream) {
  stream.destroyed = true;
  std::erase_if(streams_, [](const StreamPointer& s) { return s->destroyed && s->pending.empty(); });
}

void Streams::order_with_legacy(const StreamPointer& stream) {
  const StreamPointer null_stream = legacy(stream->device);
  std::vector<StreamPointer> before;
  if (stream == null_stream) {
    for (const StreamPointer& other : streams_) {
      if (other->blocking && other->device == stream->device && !other->capture) before.push_back(other);
    }
  } else if (stream->blocking) {
    before.push_back(null_stream);
  }
  for (const StreamPointer& other : before) {
    if (!other->pending.empty()) stream->pending.push_back({.name = "wait", .wait = append_record(other)});
  }
}

void Streams::push(const StreamPointer& stream, Work work) {
  while (stream->pending.size() >= kQueueDepth) step(stream);
  order_with_legacy(stream);
  stream->pending.push_back(std::move(work));
}

std::shared_ptr<Record> Streams::record(const StreamPointer& stream) {
  order_with_legacy(stream);
  return append_record(stream);
}

std::shared_ptr<Record> Streams::append_record(const StreamPointer& stream) {
  auto record = std::make_shared<Record>();
  record->stream = stream;
  stream->pending.push_back({.name = "record", .reach = record});
  return record;
}

void Streams::run_head(const StreamPointer& stream) {
  const Work work = std::move(stream->pending.front());
  stream->pending.pop_front();
  if (work.reach != nullptr) {
    work.reach->done = true;
    work.reach->time = std::chrono::steady_clock::now();
    work.reach->stream.reset();
  } else if (work.run) {
    runtime().run(stream->device, work);
  }
  if (stream->destroyed) destroy(*stream);
}

StreamPointer Streams::choose(const StreamPointer& wanted) {
  const Schedule schedule = simt::schedule();
  if (schedule.seed != seed_) random_ = RandomBits(seed_ = schedule.seed);
  if (schedule.order != Order::kForward) {
    std::vector<StreamPointer> ready;
    for (const auto* list : {&legacy_, &streams_}) {
      for (const StreamPointer& stream : *list) {
        const bool last_choice = schedule.order == Order::kReverse && stream == wanted;
        if (stream != nullptr && !last_choice && can_run(*stream)) ready.push_back(stream);
      }
    }
    if (!ready.empty())
      return schedule.order == Order::kReverse ? ready.back() : ready[random_.next() % ready.size()];
  }
  // Records are queued before those who wait for them: the chain ends at an entry that can run.
  StreamPointer stream = wanted;
  while (!can_run(*stream)) stream = stream->pending.front().wait->stream;
  return stream;
}

void Streams::step(const StreamPointer& wanted) {
  if (!wanted->pending.empty()) run_head(choose(wanted));
}

void Streams::finish(const StreamPointer& stream) {
  while (!stream->pending.empty()) step(stream);
}

void Streams::finish(const std::shared_ptr<const Record>& record) {
  while (!record->done) step(StreamPointer(record->stream));
}

void Streams::finish_device(int device) {
  finish(legacy(device));
  // By copies: a destroyed stream leaves the list when it is empty.
  for (const StreamPointer& stream : std::vector<StreamPointer>(streams_)) {
    if (stream->device == device) finish(stream);
  }
}

void Streams::drop(int device) {
  for (const auto* list : {&legacy_, &streams_}) {
    for (const StreamPointer& stream : *list) {
      if (stream == nullptr || stream->device != device) continue;
      for (const Work& work : stream->pending) {
        if (work.reach == nullptr) continue;
        work.reach->done = true;
        work.reach->time = std::chrono::steady_clock::now();
        work.reach->stream.reset();
      }
      stream->pending.clear();
    }
  }
  std::erase_if(streams_, [](const StreamPointer& s) { return s->destroyed && s->pending.empty(); });
}

int64_t Streams::count() const {
  return std::count_if(streams_.begin(), streams_.end(),
                       [](const StreamPointer& stream) { return !stream->destroyed; });
}

int64_t Streams::queued() const {
  int64_t sum = 0;
  for (const auto* list : {&legacy_, &streams_}) {
    for (const StreamPointer& stream : *list)
      if (stream != nullptr) sum += static_cast<int64_t>(stream->pending.size());
  }
  return sum;
}

}  // namespace honeybee::simt
