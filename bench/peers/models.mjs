import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { pipInstall } from "../../scripts/support/clang-tools.mjs";
import { runOrThrow } from "../../scripts/support/process.mjs";
import { showProgress } from "../../scripts/support/progress.mjs";
import { PEERS } from "./llama-cpp.mjs";

const PINS = ["gguf==0.19.0", "numpy==2.2.6"];

/** The layer sizes of TinyLlama 1.1B, whose shape random:1.1B-C-Abs-M144 has. */
const LLAMA_1B = {
  width: 2048,
  layers: 22,
  heads: 32,
  "kv-heads": 4,
  "feed-forward": 5632,
  vocabulary: 32000,
};

/** Behind a vision tower llama-mtmd-cli wants a language model; one small layer of the right width is enough. */
const tinyText = (width) => ({
  width,
  layers: 1,
  heads: 32,
  "kv-heads": 4,
  "feed-forward": 256,
  vocabulary: 512,
  "byte-tokens": true,
});

/** Each file with the script that writes it; widths are those of the models measured on our side. */
const FILES = {
  llama: ["llama-1.1b-bf16-bytes.gguf", "gguf_llama.py", { ...LLAMA_1B, "byte-tokens": true }],
  llamaQ8: ["llama-1.1b-q8_0.gguf", "gguf_llama.py", { ...LLAMA_1B, kind: "Q8_0" }],
  llamaQ4: ["llama-1.1b-q4_0.gguf", "gguf_llama.py", { ...LLAMA_1B, kind: "Q4_0" }],
  vit224: ["vit-224-bf16.gguf", "gguf_vit.py", { size: 224, "text-width": 2048 }],
  text224: ["text-2048-bf16.gguf", "gguf_llama.py", tinyText(2048)],
  vit336: ["vit-336-bf16.gguf", "gguf_vit.py", { size: 336, "text-width": 4096 }],
  text336: ["text-4096-bf16.gguf", "gguf_llama.py", tinyText(4096)],
};

/**
 * Writes the random GGUF files that are not there yet (5.4 GB in all).
 *
 * @returns {Promise<Record<keyof typeof FILES, string>>} their paths
 */
export async function peerModels() {
  const folder = join(PEERS, "models");
  mkdirSync(folder, { recursive: true });
  const paths = {};
  for (const [key, [name, script, options]] of Object.entries(FILES)) {
    paths[key] = join(folder, name);
    if (!existsSync(paths[key])) await write(paths[key], script, options);
  }
  return paths;
}

async function write(path, script, options) {
  showProgress(`writing ${path} …`);
  const env = {
    ...process.env,
    PYTHONPATH: await pipInstall(PINS, { dependencies: true }),
    PYTHONDONTWRITEBYTECODE: "1",
  };
  const flags = Object.entries(options).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  );
  await runOrThrow("python3", [join(import.meta.dirname, script), `${path}.part`, ...flags], { env });
  renameSync(`${path}.part`, path);
}
