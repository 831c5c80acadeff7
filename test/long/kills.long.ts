// A hundred kills at random moments of batches of 300 images: every line answered, none twice, the same as without kills.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  finished,
  killBatch,
  randomNumbers,
  readAnswers,
  startBatch,
  writeRequests,
} from "../support/batch-kills.js";

const KILLS = 100;
const LINES = 300;
/** So short after something was written that one batch lives through most of the kills. */
const WITHIN_MS = 10;

const folder = mkdtempSync(join(tmpdir(), "honeybee-kills-"));
try {
  const input = join(folder, "in.jsonl");
  writeRequests(input, LINES);
  await finished(startBatch(input, join(folder, "expected.jsonl")));
  const expected = readAnswers(join(folder, "expected.jsonl")).toSorted().join("\n");

  const random = randomNumbers(20_261_126);
  let kills = 0;
  for (let round = 1; kills < KILLS; round++) {
    const output = join(folder, `out${round}.jsonl`);
    const before = kills;
    let alive = true;
    while (alive && kills < KILLS) {
      alive = await killBatch(input, output, random, WITHIN_MS);
      if (alive) kills++;
      process.stdout.write(`${kills} kills\n`);
    }
    await finished(startBatch(input, output));
    const answers = readAnswers(output);
    console.log(
      JSON.stringify({
        name: `batch ${round} of ${LINES} images: complete, no line twice`,
        passed: answers.length === LINES && answers.toSorted().join("\n") === expected,
        kills: kills - before,
        answers: answers.length,
      }),
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
