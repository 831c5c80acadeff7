import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { openCheckpoint } from "../../lib/checkpoint/index.js";
import { HoneybeeError } from "../../lib/errors.js";
import { checkRanges, withTempFolder } from "./checkpoint-checks.js";
import { mutateBytes, Random } from "./mutate.js";
import { goldenPath } from "./paths.js";

/** What became of the mutants. */
export interface FuzzResult {
  opened: number;
  refused: number;
  slowestMs: number;
  /** Growth of the resident set, bytes. */
  grownBytes: number;
}

/** Files that {@link openCheckpoint} never reads. */
const IRRELEVANT = /^(trace|case|tokenizer|special_tokens|added_tokens)/;

/** Opens a mutant and checks the byte ranges of its tensors. */
async function openRanges(folder: string): Promise<void> {
  checkRanges(await openCheckpoint(folder));
}

/**
 * Mutates copies of the golden checkpoints and uses them. `use` must succeed or refuse the mutant by a HoneybeeError
 * that says something; anything else is thrown with the mutant's number.
 *
 * @param use gets the mutant's folder, which has the name of its golden and no tokenizer; default: opens it
 */
export async function fuzzCheckpoint(
  seed: number,
  count: number,
  use: (folder: string) => Promise<void> = openRanges,
): Promise<FuzzResult> {
  const goldens = readdirSync(goldenPath("models")).sort();
  const result: FuzzResult = { opened: 0, refused: 0, slowestMs: 0, grownBytes: 0 };
  const before = process.memoryUsage().rss;
  for (let i = 0; i < count; i++) {
    const random = new Random(seed * 1_000_003 + i);
    const golden = random.pick(goldens);
    const kind = await withTempFolder(async (temp) => {
      const folder = join(temp, golden);
      copyModel(goldenPath("models", golden), folder);
      const faults = Array.from({ length: 1 + random.below(2) }, () => plantFault(folder, random));
      const start = performance.now();
      const opened = await outcome(folder, use).catch((error: unknown) => {
        throw new Error(`mutant ${i} of seed ${seed} (${golden}: ${faults.join(", ")})`, { cause: error });
      });
      result.slowestMs = Math.max(result.slowestMs, performance.now() - start);
      return opened;
    });
    result[kind]++;
    result.grownBytes = Math.max(result.grownBytes, process.memoryUsage().rss - before);
  }
  return result;
}

async function outcome(
  folder: string,
  use: (folder: string) => Promise<void>,
): Promise<"opened" | "refused"> {
  try {
    await use(folder);
    return "opened";
  } catch (error) {
    const wellSaid = error instanceof HoneybeeError && !/undefined|NaN|\[object/.test(error.message);
    if (wellSaid && error.message.length > 20) return "refused";
    throw error;
  }
}

function copyModel(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (source) => !IRRELEVANT.test(basename(source)) });
}

/** Damages one file of the folder and says how. */
function plantFault(folder: string, random: Random): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (files.length === 0) return "nothing left";
  const victim = random.pick(files);
  const kind = random.pick([
    "bytes",
    "bytes",
    "bytes",
    "bytes",
    "bytes",
    "bytes",
    "remove",
    "rename",
    "swap",
    "folder",
  ]);
  switch (kind) {
    case "remove":
      rmSync(victim);
      break;
    case "rename": {
      const name = random.pick(["config.json", "model.safetensors", "pytorch_model.bin", "x"]);
      const bytes = readFileSync(victim);
      rmSync(victim);
      rmSync(join(dirname(victim), name), { recursive: true, force: true });
      writeFileSync(join(dirname(victim), name), bytes);
      break;
    }
    case "swap":
      writeFileSync(victim, readFileSync(random.pick(files)));
      break;
    case "folder":
      rmSync(victim);
      mkdirSync(victim);
      break;
    default:
      writeFileSync(victim, mutateBytes(readFileSync(victim), random));
  }
  return `${kind} ${basename(victim)}`;
}
