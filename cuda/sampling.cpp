#include "cuda/sampling.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "cuda/ops.h"
#include "cuda/staging.h"

namespace honeybee::cuda {
namespace {

constexpr size_t kSmallest = 64 << 10;

// Appends a list and returns where it begins.
template <class List>
int32_t append(std::vector<int32_t>& lists, const List& list) {
  const auto begin = static_cast<int32_t>(lists.size());
  lists.insert(lists.end(), list.begin(), list.end());
  return begin;
}

SamplingParameters parameters_of(const SamplingRow& row, std::vector<int32_t>& lists) {
  static const SamplingOptions kGreedy;
  const SamplingOptions& options = row.options == nullptr ? kGreedy : *row.options;
  SamplingParameters p{};
  p.temperature = options.temperature;
  p.top_p = options.top_p;
  p.min_p = options.min_p;
  p.repetition_penalty = options.repetition_penalty;
  p.presence_penalty = options.presence_penalty;
  p.frequency_penalty = options.frequency_penalty;
  p.top_k = options.top_k;
  p.no_repeat_ngram_size = options.no_repeat_ngram_size;
  p.seed[0] = static_cast<uint32_t>(options.seed);
  p.seed[1] = static_cast<uint32_t>(options.seed >> 32);
  p.position[0] = static_cast<uint32_t>(row.position);
  p.position[1] = static_cast<uint32_t>(row.position >> 32);
  p.sequence = options.sequence;
  p.history_count = static_cast<int32_t>(row.history.size());
  p.history_begin = append(lists, row.history);
  p.banned_count = static_cast<int32_t>(row.banned.size());
  p.banned_begin = append(lists, row.banned);
  p.allowed_count = static_cast<int32_t>(row.allowed.size());
  p.allowed_begin = append(lists, row.allowed);
  p.bias_count = static_cast<int32_t>(options.logit_bias.size());
  p.bias_begin = static_cast<int32_t>(lists.size());
  for (const auto& bias : options.logit_bias) lists.push_back(bias.first);
  for (const auto& bias : options.logit_bias) lists.push_back(std::bit_cast<int32_t>(bias.second));
  return p;
}

}  // namespace

void DeviceSamplingBatch::set(std::span<const SamplingRow> rows) {
  SamplingBatch::set(rows);
  std::vector<int32_t> lists;
  std::vector<SamplingParameters> parameters;
  for (const SamplingRow& row : rows) parameters.push_back(parameters_of(row, lists));
  const size_t parameter_bytes = parameters.size() * sizeof(SamplingParameters);
  const size_t list_bytes = lists.size() * sizeof(int32_t);
  reserve(parameters_, parameter_bytes);
  reserve(lists_, list_bytes);
  if (parameter_bytes > 0)
    cuda_.staging->upload(parameters_->data(), parameter_bytes, parameters.data(), parameter_bytes, 1);
  if (list_bytes > 0) cuda_.staging->upload(lists_->data(), list_bytes, lists.data(), list_bytes, 1);
}

const SamplingParameters* DeviceSamplingBatch::parameters() const {
  return static_cast<const SamplingParameters*>(parameters_->data());
}

const int32_t* DeviceSamplingBatch::lists() const { return static_cast<const int32_t*>(lists_->data()); }

void DeviceSamplingBatch::reserve(std::unique_ptr<DeviceMemory>& memory, size_t bytes) {
  if (memory != nullptr && memory->bytes() >= bytes) return;
  if (memory != nullptr) cuda_.retire(std::move(memory));
  memory =
      std::make_unique<DeviceMemory>(*cuda_.budget, std::bit_ceil(std::max(bytes, kSmallest)), cuda_.stream);
}

std::unique_ptr<SamplingBatch> make_sampling_batch(Cuda& cuda) {
  return std::make_unique<DeviceSamplingBatch>(cuda);
}

}  // namespace honeybee::cuda
