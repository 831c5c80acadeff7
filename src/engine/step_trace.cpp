#include "engine/step_trace.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <utility>

namespace honeybee {
namespace {

// Rows of the picture: the engine's thread first, then a process in which each request has a row.
constexpr int kEngine = 1;
constexpr int kRequests = 2;

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof(text), pattern, arguments);
  va_end(arguments);
  return text;
}

}  // namespace

StepTrace::StepTrace(const std::string& path) : file_(path) {
  require(file_.good(), ErrorCode::kOption, "stepTrace: cannot write ", path);
  file_ << "[";
  event(format(R"({"name":"process_name","ph":"M","pid":%d,"args":{"name":"engine"}})", kEngine));
  event(format(R"({"name":"process_name","ph":"M","pid":%d,"args":{"name":"requests"}})", kRequests));
  flush();
}

StepTrace::~StepTrace() { flush(); }

void StepTrace::event(std::string_view text) {
  pending_ += any_ ? ",\n" : "\n";
  pending_ += text;
  any_ = true;
}

void StepTrace::flush() {
  if (pending_.empty()) return;
  file_ << pending_;
  const std::ofstream::pos_type end = file_.tellp();
  file_ << "\n]\n" << std::flush;
  file_.seekp(end);
  pending_.clear();
}

void StepTrace::step(Clock::time_point begin, Clock::time_point end, const Step& step,
                     const EngineStats& stats) {
  begin = std::max(begin, std::exchange(last_end_, end));
  event(format(R"({"name":"step","ph":"X","pid":%d,"tid":0,"ts":%.3f,"dur":%.3f,"args":{"tokens":%ld,)"
               R"("decoding":%ld,"prefilling":%ld,"prefillRows":%ld,"drafted":%ld,"ahead":%s}})",
               kEngine, at(begin), at(end) - at(begin), step.tokens, step.decoding, step.prefilling,
               step.prefill_rows, step.drafted, step.ahead ? "true" : "false"));
  event(format(R"({"name":"requests","ph":"C","pid":%d,"ts":%.3f,"args":{"running":%ld,"waiting":%ld}})",
               kEngine, at(begin), stats.running, stats.waiting));
  event(format(R"({"name":"blocks","ph":"C","pid":%d,"ts":%.3f,"args":{"used":%ld,"cached":%ld,"free":%ld}})",
               kEngine, at(begin), stats.blocks_used, stats.blocks_cached, stats.blocks_free));
}

void StepTrace::images(Clock::time_point begin, Clock::time_point end, size_t count) {
  event(format(R"({"name":"images","ph":"X","pid":%d,"tid":1,"ts":%.3f,"dur":%.3f,"args":{"images":%zu}})",
               kEngine, at(begin), at(end) - at(begin), count));
}

void StepTrace::phase(uint64_t request, std::string_view name, Clock::time_point begin,
                      Clock::time_point end) {
  event(format(R"({"name":"%.*s","ph":"X","pid":%d,"tid":%lu,"ts":%.3f,"dur":%.3f})",
               static_cast<int>(name.size()), name.data(), kRequests, request, at(begin),
               at(end) - at(begin)));
}

}  // namespace honeybee
