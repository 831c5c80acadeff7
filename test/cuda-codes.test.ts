// Quantized weights and small KV caches through the CUDA sources.
import t from "tap";
import { cudaDevices } from "./support/cuda-devices.js";
import { relativeError } from "./support/golden-model.js";
import { compareCaches, compareCodes } from "./support/model-goldens.js";

const devices = cudaDevices();
t.ok(devices.length > 0, "the simulator or a GPU is there");
for (const name of devices) compareCodes(t, name);

t.test("small KV caches", async (t) => {
  const cpu = await compareCaches(t, "cpu", ["int8"]);
  for (const name of devices) {
    const found = await compareCaches(t, name, ["int8", "fp8"]);
    // Codes are made by one rule. Tensor cores round four factors to bf16, by 2^-9 at most, where codes round two by 1/254 of
    // the largest value; those alone make 5e-2 of it in this model.
    const error = relativeError(found.get("int8")!, cpu.get("int8")!);
    t.comment(`int8 ${name} and cpu: ${error.toExponential(2)}`);
    t.ok(error <= 5e-2, `int8 on ${name} and on the CPU: ${error.toExponential(2)} apart`);
  }
});
