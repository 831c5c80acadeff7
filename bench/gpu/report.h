#pragma once
#include <cstdint>
#include <fstream>
#include <string>

#include "support/machine.h"
#include "work.h"

namespace honeybee::gpu {

/// One measurement.
struct Row {
  std::string
      key;  ///< "vit", "c-abs", "d-abs", "prefill", "decode": with `count` the same as in torch_bench.py
  int64_t count = 0;
  std::string what;  ///< "decode at 512, 8 sequences"
  std::string unit;  ///< of `amount`: "images", "tokens"

  double seconds = 0.0;
  int64_t amount = 0;  ///< done in that time
  Work work;           ///< zeros: not counted
  double share = 0.0;  ///< of what `of` names; 0: of nothing
  std::string of;
  double aim = 0.0;  ///< for the share; negative: at most that much; 0: none
};

/// The table of a run, Markdown for people and JSON lines for programs. Each row is written, to both files
/// and to stdout, as soon as it is known: a run that is cut short leaves what it had.
class Report {
 public:
  /// Makes DIR/NAME.md and DIR/NAME.jsonl anew. Throws Error(kOption) if they cannot be written.
  Report(const std::string& folder, const std::string& name, const std::string& title,
         const Machine& machine);

  void rates(const DeviceRates& rates);
  void row(const Row& row);
  /// In place of a row that could not be measured.
  void missing(const Row& row, const std::string& why);
  /// Bytes on the device beside weights and KV cache, which the aim bounds.
  void memory(size_t used, size_t weights, size_t kv);

  int rows() const { return rows_; }
  int missing_rows() const { return missing_; }
  const std::string& path() const { return path_; }

 private:
  void text(const std::string& line);
  void json(const std::string& object);

  std::string path_;
  std::ofstream markdown_;
  std::ofstream lines_;
  int rows_ = 0;
  int missing_ = 0;
};

}  // namespace honeybee::gpu
