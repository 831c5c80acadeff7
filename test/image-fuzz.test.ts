import t from "tap";
import { fuzzImages } from "./support/mutate-image.js";

// More with HONEYBEE_FUZZ_COUNT and another HONEYBEE_FUZZ_SEED; the long test runs thousands.
const count = Number(process.env.HONEYBEE_FUZZ_COUNT ?? 200);
const seed = Number(process.env.HONEYBEE_FUZZ_SEED ?? 1);

t.test(
  `${count} mutated images of seed ${seed} decode or are refused in words`,
  { timeout: 30_000 + 100 * count },
  async (t) => {
    const result = await fuzzImages(seed, count);
    t.comment(JSON.stringify(result));
    t.equal(result.decoded + result.refused, count);
    t.ok(result.refused > count / 20, "the faults are real");
    t.ok(result.decoded > count / 5, "damaged files still give pictures");
    t.ok(result.slowestMs < 5000, "each answers at once");
    t.ok(result.grownBytes < 512 * 2 ** 20, "none makes the process grow");
  },
);
