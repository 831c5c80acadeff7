// A process that ends with a model in some state; lifecycle-process.test.ts looks at how. The mode is the argument.
import { loadModel } from "../../lib/index.js";
import { ENDLESS, loadGolden } from "./golden-model.js";

const modes: Record<string, () => Promise<void>> = {
  /** The model stays loaded and idle. */
  async idle() {
    const model = await loadGolden("cabs-new");
    await model.generate({ ...ENDLESS, maxTokens: 4 }).result;
  },
  /** Nobody awaits the answer; the process lives until it is there. */
  async unawaited() {
    const model = await loadGolden("cabs-new");
    model.generate({ ...ENDLESS, maxTokens: 50 }).result.then(({ tokens }) => {
      console.log(tokens.length);
    });
  },
  async exit() {
    const model = await loadGolden("cabs-new");
    const stream = model.generate(ENDLESS);
    await stream.next();
    model.generate({ ...ENDLESS, n: 4 });
    process.exit(7);
  },
  async "exit-while-loading"() {
    loadModel("random:1.1B-C-Abs-M144,layers=2,vision-layers=2");
    setTimeout(() => process.exit(7), 20);
  },
  /** Results that fail and that nobody looks at. */
  async unobserved() {
    const model = await loadGolden("cabs-new");
    model.generate({ prompt: "x", temperature: Number.NaN });
    model.generate({ prompt: "<image>", images: ["no-such-file.png"] });
    model.generate({ prompt: "x", signal: AbortSignal.abort(new Error("not wanted")) });
    const broken = model.generate({ prompt: "x".repeat(100_000) });
    await broken.next().catch(() => {});
    await model.dispose();
    model.generate({ prompt: "x" });
  },
  /** What an uncaught error looks like, so that the test of `unobserved` could fail. */
  async uncaught() {
    Promise.reject(new Error("nobody caught this"));
  },
};

await modes[process.argv[2]!]!();
