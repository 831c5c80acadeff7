#include "engine/profile_json.h"

#include <array>
#include <charconv>
#include <string_view>

namespace honeybee {
namespace {

constexpr const char* kDoings[] = {"schedule", "sample", "join", "host"};
constexpr const char* kClocks[] = {"cycles", "steady", "cupti", "events", "none"};

// Appends members to JSON objects and arrays. Texts are those of this library and need no escapes.
class Writer {
 public:
  Writer& open(char bracket) {
    separate();
    text_ += bracket;
    first_ = true;
    return *this;
  }
  Writer& close(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
  }
  Writer& key(const char* name) {
    separate();
    text_.append("\"").append(name).append("\":");
    first_ = true;
    return *this;
  }
  Writer& add(const char* name, const std::string& value) {
    key(name).text_.append("\"").append(value).append("\"");
    first_ = false;
    return *this;
  }
  Writer& add(const char* name, double value) { return key(name).literal(number(value)); }
  Writer& add(const char* name, bool value) { return key(name).literal(value ? "true" : "false"); }
  Writer& null(const char* name) { return key(name).literal("null"); }
  std::string take() { return std::move(text_); }

 private:
  void separate() {
    if (!first_) text_ += ',';
    first_ = false;
  }
  Writer& literal(std::string_view value) {
    text_ += value;
    first_ = false;
    return *this;
  }
  // The shortest that reads back the same.
  static std::string number(double value) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return {digits.data(), end};
  }

  std::string text_;
  bool first_ = true;
};

void add_times(Writer& json, double start_ms, std::optional<double> duration_ms) {
  json.add("startMs", start_ms);
  if (duration_ms) {
    json.add("durationMs", *duration_ms);
  } else {
    json.null("durationMs");
  }
}

void add_op(Writer& json, const Profile::Op& op) {
  json.open('{').add("name", std::string(op.name)).add("stage", std::string(stage_name(op.stage)));
  if (op.layer < 0) {
    json.null("layer");
  } else {
    json.add("layer", static_cast<double>(op.layer));
  }
  json.add("shape", op.work.shape.text()).add("step", static_cast<double>(op.step));
  add_times(json, op.measured.start_ms, op.measured.duration_ms);
  json.add("bytes", static_cast<double>(op.work.bytes)).add("flops", static_cast<double>(op.work.flops));
  if (op.work.product) {
    json.add("dtype", std::string(dtype_name(*op.work.product)));
  } else {
    json.null("dtype");
  }
  if (const auto& counts = op.measured.counts) {
    json.key("counts").open('{').add("instructions", static_cast<double>(counts->instructions));
    json.add("bytes", static_cast<double>(counts->bytes));
    json.add("bankConflicts", static_cast<double>(counts->bank_conflicts)).close('}');
  }
  json.close('}');
}

}  // namespace

std::string profile_json(const Profile& profile) {
  Writer json;
  json.open('{').add("clock", std::string(kClocks[static_cast<size_t>(profile.clock)]));
  json.add("wallMs", profile.wall_ms).add("full", profile.full);
  json.add("lostOps", static_cast<double>(profile.lost_ops));
  json.add("droppedRecords", static_cast<double>(profile.dropped_records));
  json.key("ops").open('[');
  for (const Profile::Op& op : profile.ops) add_op(json, op);
  json.close(']').key("gaps").open('[');
  for (const Profile::Gap& gap : profile.gaps) {
    json.open('{').add("name", std::string(kDoings[static_cast<size_t>(gap.doing)]));
    json.add("step", static_cast<double>(gap.step));
    add_times(json, gap.start_ms, gap.duration_ms);
    json.close('}');
  }
  json.close(']').key("phases").open('[');
  for (const Profile::Phase& phase : profile.phases) {
    json.open('{').add("request", static_cast<double>(phase.request)).add("name", std::string(phase.name));
    add_times(json, phase.start_ms, phase.duration_ms);
    json.close('}');
  }
  return json.close(']').close('}').take();
}

}  // namespace honeybee
