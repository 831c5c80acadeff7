// A process on the simulator under a tool that listens to its ranges; nvtx.test.ts reads what the tool wrote. Says as
// JSON how long the tool's file was when a profile began, and how many tokens the answer before has.
import { existsSync, statSync } from "node:fs";
import { image } from "../../lib/index.js";
import { goldenCase, loadGolden } from "./golden-model.js";

const log = process.env.HONEYBEE_TOOL_LOG!;
const { prompt, images } = goldenCase("linear");
const request = { prompt, images: images!.map((file) => image(file)), maxTokens: 6, ignoreEos: true };
const model = await loadGolden("linear", { device: "simt", weights: "bf16" });
const { tokens } = await model.generate(request).result;
const written = existsSync(log) ? statSync(log).size : 0;
const recording = model.startProfile({ roofs: false });
await model.generate(request).result;
await recording.stop();
await model.dispose();
console.log(JSON.stringify({ written, tokens: tokens.length }));
