#include "core/paged.h"

#include <algorithm>

#include "core/error.h"

namespace honeybee {

void PagedBatch::set(std::span<const int32_t> row_begin, std::span<const int32_t> start,
                     std::span<const int32_t> blocks, int64_t length_bound) {
  const auto sequences = static_cast<int64_t>(start.size());
  require(row_begin.size() == start.size() + 1 && row_begin.front() == 0, ErrorCode::kOption,
          "batch: row_begin has ", row_begin.size(), " entries for ", sequences,
          " sequences, expected one more than them and 0 first");
  require(std::is_sorted(row_begin.begin(), row_begin.end()), ErrorCode::kOption,
          "batch: row_begin does not ascend");
  require(sequences == 0 ? blocks.empty() : blocks.size() % start.size() == 0, ErrorCode::kOption,
          "batch: the block table has ", blocks.size(), " entries for ", sequences, " sequences");
  const int64_t max_blocks = sequences == 0 ? 0 : static_cast<int64_t>(blocks.size()) / sequences;
  require(sequences <= limits_.sequences && row_begin.back() <= limits_.rows && max_blocks <= limits_.blocks,
          ErrorCode::kOption, "batch: ", sequences, " sequences, ", row_begin.back(), " rows and ",
          max_blocks, " blocks a sequence; it was made for ", limits_.sequences, ", ", limits_.rows, " and ",
          limits_.blocks);
  row_begin_.assign(row_begin.begin(), row_begin.end());
  start_.assign(start.begin(), start.end());
  blocks_.assign(blocks.begin(), blocks.end());
  max_blocks_ = max_blocks;
  longest_ = 0;
  for (int64_t s = 0; s < sequences; s++) {
    const int64_t first = start_[static_cast<size_t>(s)];
    if (first >= 0) longest_ = std::max(longest_, first + rows(s));
  }
  length_bound_ = std::max(length_bound, longest_);
  do_set();
}

}  // namespace honeybee
