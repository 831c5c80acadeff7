// A worker thread that generates until it is told to stop, or is terminated: says "loaded" with the engine's load
// time, "generating" once the first token is there, and the tokens of the answer.
import { parentPort, workerData } from "node:worker_threads";
import { ENDLESS, loadGolden } from "./golden-model.js";

const { maxTokens } = workerData as { maxTokens: number };
const model = await loadGolden("cabs-new");
parentPort!.postMessage({ kind: "loaded", loadMs: model.info.loadMs });
const stream = model.generate({ ...ENDLESS, maxTokens });
await stream.next();
parentPort!.postMessage({ kind: "generating" });
const { tokens, finishReason } = await stream.result;
parentPort!.postMessage({ kind: "done", tokens, finishReason });
await model.dispose();
