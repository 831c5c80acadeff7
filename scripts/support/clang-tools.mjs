import { createHash } from "node:crypto";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, run, runOrThrow, ScriptError, which } from "./process.mjs";
import { showProgress } from "./progress.mjs";

/** What these tools say depends on their version, so both are pinned; the wheels need nothing else. */
const WHEELS = { "clang-format": "23.1.5", "clang-tidy": "23.1.4" };

/**
 * The pinned clang-format or clang-tidy: the one on PATH when it has the right version, else the PyPI wheel,
 * installed once into .cache/.
 *
 * @param {keyof typeof WHEELS} name
 * @returns {Promise<string>} the program's path
 * @throws {ScriptError} when neither is there and pip cannot install it
 */
export async function clangTool(name) {
  const version = WHEELS[name];
  const onPath = which(name);
  if (onPath && (await hasVersion(onPath, version))) return onPath;
  const folder = await pipInstall([`${name}==${version}`]);
  return join(folder, name.replace("-", "_"), "data/bin", name);
}

async function hasVersion(program, version) {
  const { output } = await run(program, ["--version"]);
  return output.includes(`version ${version}`);
}

/**
 * Installs pinned Python packages into a folder of .cache/ of their own, once.
 *
 * @param {string[]} pins such as "gguf==0.19.0"
 * @param {{dependencies?: boolean}} options whether to take what they depend on too
 * @returns {Promise<string>} the folder, to use as PYTHONPATH
 */
export async function pipInstall(pins, { dependencies = false } = {}) {
  const key = createHash("sha256").update(pins.join(" ")).digest("hex").slice(0, 8);
  const folder = join(root, ".cache/python", `${pins[0].split("=")[0]}-${key}`);
  const finished = join(folder, ".installed");
  if (existsSync(finished)) return folder;
  const python = which("python3");
  if (!python) {
    throw new ScriptError(
      `python3 is missing, which installs ${pins.join(" ")}: run \`apt-get install python3-pip\`.`,
    );
  }
  showProgress(`installing ${pins.join(" ")} …`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const options = ["--quiet", "--no-compile", ...(dependencies ? [] : ["--no-deps"]), "--target", folder];
  await runOrThrow(python, ["-m", "pip", "install", ...options, ...pins]);
  writeFileSync(finished, "");
  return folder;
}
