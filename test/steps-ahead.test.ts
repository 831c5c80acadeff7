// A device that queues is asked for a step before the tokens of the last are read, and nobody can tell by an answer: a
// stop text, which is found on this side, ends it where the CPU ends it, which reads each token first.
import t from "tap";
import { loadGolden } from "./support/golden-model.js";

t.test("a stop text ends an answer whose next steps are on their way", async (t) => {
  const options = { prompt: "a long tale", maxTokens: 12, ignoreEos: true };
  const ask = async (device: "cpu" | "simt", stop?: string) => {
    const model = await loadGolden("cabs-new", { device });
    const { text, tokens, finishReason, usage } = await model.generate({ ...options, ...(stop && { stop }) })
      .result;
    const { stepsAhead } = model.stats();
    await model.dispose();
    return { told: { text, tokens, finishReason, usage: { ...usage } }, stepsAhead };
  };
  const whole = await ask("cpu");
  t.equal(whole.told.finishReason, "length");
  const stop = whole.told.text.slice(12, 15);
  const expected = await ask("cpu", stop);
  const found = await ask("simt", stop);
  t.same(found.told, expected.told);
  t.equal(found.told.finishReason, "stop");
  t.equal(found.told.text, whole.told.text.slice(0, whole.told.text.indexOf(stop)));
  t.equal(expected.stepsAhead, 0);
  t.ok(found.stepsAhead > 0, `${found.stepsAhead} steps ahead`);
});
