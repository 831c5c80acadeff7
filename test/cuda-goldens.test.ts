// Every case of golden/models through the CUDA sources.
import t from "tap";
import { cudaDevices } from "./support/cuda-devices.js";
import { compareWithGoldens } from "./support/model-goldens.js";

const devices = cudaDevices();
t.ok(devices.length > 0, "the simulator or a GPU is there");
for (const name of devices) compareWithGoldens(t, name);
