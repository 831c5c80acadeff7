#pragma once
#include <cmath>
#include <fstream>
#include <string>
#include <string_view>

#include "engine/sequence.h"
#include "engine/stats.h"

namespace honeybee {

/// Writes what an engine does, step by step, as a Chrome trace (the "Trace Event Format"; Perfetto and
/// chrome://tracing open it): steps with what they computed, what each request was doing when, and the state
/// of queue and blocks. The file is whole after each turn of the engine, should the process be killed. Once
/// it cannot be written any more, nothing more is.
class StepTrace {
 public:
  /// Throws Error(kOption) if the file cannot be created.
  explicit StepTrace(const std::string& path);
  ~StepTrace();
  StepTrace(const StepTrace&) = delete;
  StepTrace& operator=(const StepTrace&) = delete;

  struct Step {
    int64_t tokens = 0;    ///< chosen
    int64_t decoding = 0;  ///< sequences
    int64_t prefilling = 0;
    int64_t prefill_rows = 0;
    int64_t drafted = 0;  ///< rows of guessed tokens
    bool ahead = false;   ///< asked for before the tokens of the one before were read
  };
  /// One that was asked for before the step before it had ended begins with that end.
  void step(Clock::time_point begin, Clock::time_point end, const Step& step, const EngineStats& stats);
  void images(Clock::time_point begin, Clock::time_point end, size_t count);
  /// A request was in a phase; requests are numbered as they arrive.
  void phase(uint64_t request, std::string_view name, Clock::time_point begin, Clock::time_point end);
  /// Writes what is new and, behind it, what closes the file until there is more.
  void flush();

 private:
  void event(std::string_view text);
  /// Microseconds in whole eighths, which are whole nanoseconds and exact as floats: ends and beginnings meet
  /// in every viewer.
  double at(Clock::time_point time) const { return std::round(milliseconds(epoch_, time) * 8000.0) / 8.0; }

  std::ofstream file_;
  std::string pending_;
  bool any_ = false;
  Clock::time_point last_end_{};  ///< of a step
  Clock::time_point epoch_ = Clock::now();
};

}  // namespace honeybee
