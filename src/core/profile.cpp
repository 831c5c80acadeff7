#include "core/profile.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace honeybee {
namespace {

// Marks a step needs at most, as far as its operations do not outnumber them.
constexpr size_t kMarksPerOp = 2;
constexpr size_t kLeastMarks = 4096;

}  // namespace

const char* stage_name(Stage stage) {
  static constexpr const char* kNames[] = {"vision", "projector", "prefill", "decode", "sample"};
  return kNames[static_cast<size_t>(stage)];
}

ProfileRecorder::ProfileRecorder(size_t most_ops)
    : kind_(clock_.counts() ? ProfileClock::kCycles : ProfileClock::kSteady) {
  ops_.reserve(most_ops);
  marks_.reserve(std::max(kMarksPerOp * most_ops, kLeastMarks));
}

void ProfileRecorder::start() {
  began_ = std::chrono::steady_clock::now();
  began_ticks_ = clock_.now();
  marks_.push_back({began_ticks_, doing_, step_});
}

void ProfileRecorder::measure(uint32_t op, const Measured& measured, ProfileClock clock) {
  kind_ = clock;
  measured_.resize(ops_.size());
  measured_[op] = measured;
}

void ProfileRecorder::lose(uint32_t op, ProfileClock clock) {
  kind_ = clock;
  lost_.push_back(op);
}

void ProfileRecorder::next_step() {
  if (stepped_) step_++;
  stepped_ = true;
  do_now(doing_);
}

void ProfileRecorder::do_now(Doing doing) {
  doing_ = doing;
  if (full_) return;
  if (marks_.size() == marks_.capacity()) {
    overflow();
    return;
  }
  marks_.push_back({clock_.now(), doing, step_});
}

void ProfileRecorder::phase(uint64_t request, const char* name, SteadyTime begin, SteadyTime end) {
  if (!full_) phases_.push_back({request, name, std::max(begin, began_), end});
}

void ProfileRecorder::overflow() {
  if (full_) return;
  full_ = true;
  last_ticks_ = clock_.now();
}

void ProfileRecorder::stop() {
  stopped_ = std::chrono::steady_clock::now();
  stopped_ticks_ = clock_.now();
  if (!full_) last_ticks_ = stopped_ticks_;
}

double ProfileRecorder::at(uint64_t ticks) const {
  const double span = std::chrono::duration<double, std::milli>(stopped_ - began_).count();
  const auto ticks_of_span = static_cast<double>(stopped_ticks_ - began_ticks_);
  if (ticks_of_span <= 0.0) return 0.0;
  return static_cast<double>(ticks - began_ticks_) * (span / ticks_of_span);
}

Profile ProfileRecorder::finish() const {
  Profile profile;
  profile.clock = kind_;
  profile.full = full_;
  profile.wall_ms = wall_ms();
  profile.lost_ops = lost_.size();
  profile.dropped_records = dropped_records_;
  std::vector<bool> lost(ops_.size());
  for (const uint32_t op : lost_) lost[op] = true;
  profile.ops.reserve(ops_.size());
  for (size_t i = 0; i < ops_.size(); i++) {
    if (lost[i]) continue;
    const Op& op = ops_[i];
    // A device that failed has not told of all.
    const bool told = i < measured_.size() && measured_[i].has_value();
    Measured measured =
        told ? *measured_[i] : Measured{at(op.begin), at(op.end) - at(op.begin), std::nullopt};
    if (kind_ == ProfileClock::kNone) measured.duration_ms.reset();
    profile.ops.push_back({op.name, op.place.stage, op.place.layer, op.step, op.work, measured});
  }
  std::ranges::sort(profile.ops, {}, [](const auto& op) { return op.measured.start_ms; });
  if (kind_ != ProfileClock::kNone) profile.gaps = find_gaps(profile.ops);
  profile.phases = find_phases();
  return profile;
}

double ProfileRecorder::wall_ms() const {
  double wall = 0.0;
  for (size_t m = 0; m < marks_.size(); m++) {
    const uint64_t end = m + 1 < marks_.size() ? marks_[m + 1].at : last_ticks_;
    if (marks_[m].doing != Doing::kAsleep) wall += at(end) - at(marks_[m].at);
  }
  return wall;
}

// What is left of the time between marks when the operations, which ascend, are taken out.
std::vector<Profile::Gap> ProfileRecorder::find_gaps(const std::vector<Profile::Op>& ops) const {
  std::vector<Profile::Gap> gaps;
  double covered = 0.0;  // up to where operations explain the time
  auto op = ops.begin();
  for (size_t m = 0; m < marks_.size(); m++) {
    const Mark& mark = marks_[m];
    const double end = at(m + 1 < marks_.size() ? marks_[m + 1].at : last_ticks_);
    double from = std::max(at(mark.at), covered);
    const auto gap_until = [&](double until) {
      if (until > from && mark.doing != Doing::kAsleep)
        gaps.push_back({mark.doing, mark.step, from, until - from});
    };
    for (; op != ops.end() && op->measured.start_ms < end; ++op) {
      gap_until(op->measured.start_ms);
      covered = std::max(covered, op->measured.start_ms + op->measured.duration_ms.value_or(0.0));
      from = std::max(from, covered);
    }
    gap_until(end);
  }
  return gaps;
}

// Those of a request in a row; requests in the order of their numbers.
std::vector<Profile::Phase> ProfileRecorder::find_phases() const {
  std::map<uint64_t, uint64_t> numbers;
  for (const Phase& phase : phases_) numbers.emplace(phase.request, 0);
  uint64_t next = 0;
  for (auto& [request, number] : numbers) number = next++;
  const auto since = [&](SteadyTime time) {
    return std::chrono::duration<double, std::milli>(time - began_).count();
  };
  std::vector<Profile::Phase> phases;
  for (const Phase& phase : phases_) {
    phases.push_back({numbers.at(phase.request), phase.name, since(phase.begin),
                      since(std::max(phase.begin, phase.end)) - since(phase.begin)});
  }
  std::ranges::sort(phases, {}, [](const auto& phase) {
    return std::tuple(phase.request, phase.start_ms, phase.duration_ms);
  });
  return phases;
}

}  // namespace honeybee
