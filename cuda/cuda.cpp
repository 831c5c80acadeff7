#include "cuda/cuda.h"

#include "cuda/products.h"
#include "cuda/staging.h"

namespace honeybee::cuda {

namespace {

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  HB_CUDA(cudaDeviceGetAttribute(&value, which, device));
  return value;
}

// Selects the device for this thread and asks for its size.
int use_device(int device) {
  HB_CUDA(cudaSetDevice(device));
  return attribute(cudaDevAttrMultiProcessorCount, device);
}

// As the architecture is called: 90 of sm_90.
int architecture(int device) {
  return 10 * attribute(cudaDevAttrComputeCapabilityMajor, device) +
         attribute(cudaDevAttrComputeCapabilityMinor, device);
}

}  // namespace

Cuda::Cuda(int index, std::shared_ptr<Budget> shared_budget, bool invariant)
    : device(index),
      multiprocessors(use_device(index)),
      fp8_tensor_cores(architecture(index) >= 89),
      batch_invariant(invariant),
      budget(std::move(shared_budget)) {
  staging = std::make_unique<Staging>(stream);
  products = std::make_unique<Products>(*this);
}

// Work that still runs uses what the members hold.
Cuda::~Cuda() { cudaStreamSynchronize(stream); }

void* Cuda::scratch(int slot, size_t bytes) {
  auto& memory = scratch_[slot];
  if (memory == nullptr || memory->bytes() < bytes) {
    require(!recording, ErrorCode::kDevice, "an operation needs ", bytes,
            " bytes of scratch memory that it did not need when it ran before the recording");
    if (memory != nullptr) retire(std::move(memory));
    memory = std::make_unique<DeviceMemory>(*budget, bytes, stream);
  }
  return memory->data();
}

void Cuda::retire(std::unique_ptr<DeviceMemory> memory) {
  HB_CUDA(cudaStreamSynchronize(stream));
  memory.reset();
  generation_++;
}

}  // namespace honeybee::cuda
