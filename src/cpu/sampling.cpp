#include "core/sampling.h"

#include <algorithm>
#include <limits>

#include "cpu/ops.h"

namespace honeybee::cpu {

void sample(Cpu& cpu, const Tensor& logits, const SamplingBatch& batch, const Tensor& tokens) {
  cpu.pool.run(logits.rows, [&](int64_t r, int) {
    static const SamplingOptions kGreedy;
    const SamplingRow& row = batch.rows()[static_cast<size_t>(r)];
    const SamplingOptions& options = row.options == nullptr ? kGreedy : *row.options;
    std::vector<float> warped(logits.row<float>(r), logits.row<float>(r) + logits.cols);
    keep_allowed(warped, row.allowed);
    for (const int32_t token : row.banned) {
      if (token >= 0 && token < logits.cols)
        warped[static_cast<size_t>(token)] = -std::numeric_limits<float>::infinity();
    }
    warp_logits(warped, row.history, options);
    *tokens.row<int32_t>(r) = choose_token(warped, options, row.position);
  });
}

void token_logprobs(Cpu& cpu, const Tensor& logits, const Tensor& tokens, const Tensor& ids,
                    const Tensor& values) {
  cpu.pool.run(logits.rows, [&](int64_t r, int) {
    const std::span<const float> row(logits.row<float>(r), static_cast<size_t>(logits.cols));
    const int32_t token = std::clamp(*tokens.row<int32_t>(r), 0, static_cast<int32_t>(logits.cols - 1));
    std::vector<TokenLogprob> most;
    values.row<float>(r)[0] = token_logprob(row, token, static_cast<int32_t>(ids.cols), most).logprob;
    for (size_t i = 0; i < most.size(); i++) {
      ids.row<int32_t>(r)[i] = most[i].token;
      values.row<float>(r)[1 + i] = most[i].logprob;
    }
  });
}

}  // namespace honeybee::cpu
