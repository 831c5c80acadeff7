import t from "tap";
import { fuzzCheckpoint } from "./support/fuzz-checkpoint.js";

// More with HONEYBEE_FUZZ_COUNT and another HONEYBEE_FUZZ_SEED; the long test runs thousands.
const count = Number(process.env.HONEYBEE_FUZZ_COUNT ?? 200);
const seed = Number(process.env.HONEYBEE_FUZZ_SEED ?? 1);

t.test(
  `${count} mutated checkpoints of seed ${seed} open or are refused in words`,
  { timeout: 30_000 + 100 * count },
  async (t) => {
    const result = await fuzzCheckpoint(seed, count);
    t.comment(JSON.stringify(result));
    t.equal(result.opened + result.refused, count);
    t.ok(result.refused > count / 4, "the faults are real");
    t.ok(result.opened > count / 50, "some hit bytes that do not matter");
    t.ok(result.slowestMs < 5000, "each answers at once");
    t.ok(result.grownBytes < 512 * 2 ** 20, "none makes the process grow");
  },
);
