// Every case of golden/models, and quantized weights, through the CUDA sources: on a GPU where one answers, on the simulator everywhere.
import t from "tap";
import { listDevices } from "../lib/devices.js";
import { compareCodes, compareWithGoldens } from "./support/model-goldens.js";

const wanted = process.env.HONEYBEE_TEST_DEVICE;
const devices = listDevices().filter(
  ({ name, usable }) => usable && (wanted ? name === wanted : /^(simt|cuda:0)$/.test(name)),
);
t.ok(devices.length > 0, "the simulator or a GPU is there");
for (const { name } of devices) {
  compareWithGoldens(t, name);
  compareCodes(t, name);
}
