// Quantized weights through the CUDA sources.
import t from "tap";
import { cudaDevices } from "./support/cuda-devices.js";
import { compareCodes } from "./support/model-goldens.js";

const devices = cudaDevices();
t.ok(devices.length > 0, "the simulator or a GPU is there");
for (const name of devices) compareCodes(t, name);
