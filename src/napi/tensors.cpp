#include "napi/tensors.h"

#include <utility>

namespace honeybee {
namespace {

constexpr int64_t kWide = 1 << 24;  // beyond any width of a network

Dtype read_stored_dtype(const std::string& tensor, const std::string& name) {
  constexpr std::pair<const char*, Dtype> kStored[] = {{"F32", Dtype::kF32}, {"BF16", Dtype::kBF16},
                                                       {"F16", Dtype::kF16}, {"I32", Dtype::kI32},
                                                       {"I8", Dtype::kInt8}, {"F8_E4M3", Dtype::kFp8}};
  for (const auto& [stored, dtype] : kStored) {
    if (name == stored) return dtype;
  }
  fail(ErrorCode::kCheckpoint, "tensor \"", tensor, "\" has dtype ", name);
}

TensorRef read_tensor(const ObjectReader& r);

std::shared_ptr<TensorRef::Quantized> read_quantized(const ObjectReader& r) {
  using Layout = TensorRef::Quantized::Layout;
  using ZeroField = TensorRef::Quantized::ZeroField;
  const auto one_of = [&](const char* key, const auto& choices) {
    const std::string name = r.text(key);
    for (const auto& [known, value] : choices) {
      if (name == known) return value;
    }
    fail(ErrorCode::kOption, key, " is \"", name, "\"");
  };
  constexpr std::pair<const char*, Layout> kLayouts[] = {{"channels", Layout::kChannels},
                                                         {"blocks", Layout::kBlocks},
                                                         {"gptq", Layout::kGptq},
                                                         {"awq", Layout::kAwq},
                                                         {"awq-rows", Layout::kAwqRows}};
  constexpr std::pair<const char*, ZeroField> kZeroFields[] = {{"plain", ZeroField::kPlain},
                                                               {"plus-one", ZeroField::kPlusOne},
                                                               {"word-plus-ones", ZeroField::kWordPlusOnes}};
  auto q = std::make_shared<TensorRef::Quantized>();
  q->layout = one_of("layout", kLayouts);
  q->codes = read_tensor(r.object("codes"));
  q->scales = read_tensor(r.object("scales"));
  if (q->layout == Layout::kChannels || q->layout == Layout::kBlocks) return q;
  q->zero_field = one_of("zeroField", kZeroFields);
  q->group = r.integer("group", 1, kWide);
  q->zeros = std::make_shared<TensorRef>(read_tensor(r.object("zeros")));
  if (r.has("groups")) q->groups = std::make_shared<TensorRef>(read_tensor(r.object("groups")));
  return q;
}

TensorRef read_tensor(const ObjectReader& r) {
  TensorRef tensor;
  tensor.name = r.text("name");
  tensor.shape = r.integers("shape");
  if (r.has("quantized")) {
    tensor.quantized = read_quantized(r.object("quantized"));
    tensor.dtype = Dtype::kF32;
  } else {
    tensor.dtype = read_stored_dtype(tensor.name, r.text("dtype"));
  }
  tensor.file = static_cast<size_t>(r.integer("file"));
  tensor.offset = r.integer("offset");
  tensor.bytes = r.integer("byteLength");
  if (r.has("strides")) tensor.strides = r.integers("strides");
  if (r.has("lora")) {
    const ObjectReader lora = r.object("lora");
    tensor.lora = std::make_shared<TensorRef::Lora>();
    tensor.lora->a = read_tensor(lora.object("a"));
    tensor.lora->b = read_tensor(lora.object("b"));
    tensor.lora->scale = static_cast<float>(lora.number("scale"));
  }
  return tensor;
}

}  // namespace

std::vector<TensorRef> read_tensors(const std::vector<ObjectReader>& tensors) {
  std::vector<TensorRef> list;
  for (const ObjectReader& tensor : tensors) list.push_back(read_tensor(tensor));
  return list;
}

}  // namespace honeybee
