/**
 * The tests of train/, where there is a Python with PyTorch: train/.venv, else PYTHON, else python3.
 *
 *   npm run train:test [-- ARGUMENTS OF PYTEST]
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { main, root, run, ScriptError } from "./support/process.mjs";

const OWN = join(root, "train/.venv/bin/python");

await main(async (args) => {
  const python = process.env.PYTHON ?? (existsSync(OWN) ? OWN : "python3");
  const probe = await run(python, ["-c", "import torch, sentencepiece, safetensors, pytest"]);
  if (probe.code !== 0) {
    throw new ScriptError(
      `${python} lacks what train/requirements.txt lists; train/README.md says how to install it.`,
    );
  }
  const { code } = await run(python, ["-m", "pytest", "-q", "train/tests", ...args], { inherit: true });
  return code;
});
