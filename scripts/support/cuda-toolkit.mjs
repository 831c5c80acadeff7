import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { withLock } from "./lock.mjs";
import { root, run, ScriptError, which } from "./process.mjs";
import { clearProgress, note, showProgress, since } from "./progress.mjs";

/** The first release that knows every architecture of a release build (sm_100 and sm_120 came with it). */
export const OLDEST_NVCC = [12, 8];

/** A compiler as PyPI wheels: 105 MB to fetch, 0.2 GB on disk. All five are needed to compile and to link. */
const COMPILER = {
  "nvidia-cuda-nvcc": "13.0.88", // nvcc, cudafe++, ptxas, fatbinary, nvlink
  "nvidia-cuda-crt": "13.0.88", // include/crt
  "nvidia-nvvm": "13.0.88", // cicc, libdevice
  "nvidia-cuda-runtime": "13.0.96", // headers, libcudart_static.a
  "nvidia-cuda-cccl": "13.0.85", // cuda_fp16.h includes <nv/target>
};
/** The programs that read compiled kernels, 16 MB; there is no 13.0 wheel, and these read its objects. */
const READERS = { "nvidia-cuda-cuobjdump": "13.2.86", "nvidia-cuda-nvdisasm": "13.2.86" };

/** @typedef {{root: string, nvcc: string, version: string, origin: string}} Toolkit root holds bin/ and include/; origin says in words where it was found */

/**
 * A CUDA compiler: the system's when it is new enough, else wheels, assembled once into .cache/cuda-toolkit
 * (HONEYBEE_CUDA_DIR puts them elsewhere).
 *
 * @returns {Promise<Toolkit>}
 * @throws {ScriptError} one sentence: what is missing and the command that installs it
 */
export async function cudaToolkit() {
  const system = systemToolkit(process.env);
  if (system) return system;
  const home = await assembled("compiler", COMPILER);
  const version = COMPILER["nvidia-cuda-nvcc"];
  return { root: home, nvcc: join(home, "bin/nvcc"), version, origin: "PyPI wheels" };
}

/**
 * The folder that holds cuobjdump and nvdisasm: the toolkit's own, else wheels beside it.
 *
 * @param {Toolkit} toolkit
 * @returns {Promise<string>}
 * @throws {ScriptError} as cudaToolkit
 */
export async function cudaReaders(toolkit) {
  const own = join(toolkit.root, "bin");
  if (["cuobjdump", "nvdisasm"].every((name) => existsSync(join(own, name)))) return own;
  return join(await assembled("readers", READERS), "bin");
}

/** CUDACXX must be usable when it is set; the other places are passed over, with a word, when they are too old. */
function systemToolkit(env) {
  if (env.CUDACXX) {
    const nvcc = which(env.CUDACXX, "/") ?? which(env.CUDACXX, env.PATH);
    const found = nvcc && describe(nvcc, `CUDACXX (${nvcc})`);
    if (found?.usable) return found;
    const fault = found
      ? `is nvcc ${found.version}, and ${OLDEST_NVCC.join(".")} or newer is needed`
      : "is no nvcc that runs";
    throw new ScriptError(
      `CUDACXX names ${env.CUDACXX}, which ${fault}: unset it to use a compiler from PyPI, or name a newer one.`,
    );
  }
  const places = [
    ...["CUDA_HOME", "CUDA_PATH"].map((name) => [name, env[name] && join(env[name], "bin/nvcc")]),
    ["PATH", which("nvcc", env.PATH)],
    ["the usual place", "/usr/local/cuda/bin/nvcc"],
  ];
  for (const [place, nvcc] of places) {
    if (!nvcc || !existsSync(nvcc)) continue;
    const found = describe(nvcc, `${place} (${nvcc})`);
    if (found?.usable) return found;
    if (found) note(`passing over nvcc ${found.version} of ${place}: older than ${OLDEST_NVCC.join(".")}`);
  }
  return undefined;
}

/** What an nvcc says of itself, or undefined if it does not run. */
function describe(nvcc, origin) {
  try {
    const version = versionOf(execFileSync(nvcc, ["--version"], { encoding: "utf8" }));
    if (!version) return undefined;
    const [major, minor] = version.split(".").map(Number);
    const usable = major > OLDEST_NVCC[0] || (major === OLDEST_NVCC[0] && minor >= OLDEST_NVCC[1]);
    return { root: dirname(dirname(realpathSync(nvcc))), nvcc, version, origin, usable };
  } catch {
    return undefined;
  }
}

/**
 * The version in the output of `nvcc --version`.
 *
 * @param {string} text
 * @returns {string | undefined} "13.0.88"
 */
export const versionOf = (text) => /\bV(\d+\.\d+\.\d+)/.exec(text)?.[1];

/** The home of a toolkit, or of a part of one, made of wheels; at once when it holds these pins. */
async function assembled(part, packages) {
  const folder = join(resolve(process.env.HONEYBEE_CUDA_DIR ?? join(root, ".cache/cuda-toolkit")), part);
  const pins = Object.entries(packages).map(([name, version]) => `${name}==${version}`);
  if (!holds(folder, pins)) {
    await withLock(".cache/cuda-toolkit.lock", async () => {
      if (!holds(folder, pins)) await assemble(folder, pins);
    });
  }
  return join(folder, "nvidia/cu13");
}

const pinsFile = (folder) => join(folder, ".pins");

const holds = (folder, pins) =>
  existsSync(pinsFile(folder)) && readFileSync(pinsFile(folder), "utf8") === pins.join("\n");

/** Made beside its place and renamed into it, so that a toolkit is whole or not there. */
async function assemble(folder, pins) {
  const python = await pythonWithPip();
  const start = performance.now();
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  try {
    showProgress(`fetching ${pins.length} wheels of CUDA …`);
    await fetchWheels(python, unfinished, pins);
    repair(join(unfinished, "nvidia/cu13"));
    writeFileSync(pinsFile(unfinished), pins.join("\n"));
    rmSync(folder, { recursive: true, force: true });
    renameSync(unfinished, folder);
  } finally {
    clearProgress();
    rmSync(unfinished, { recursive: true, force: true });
  }
  note(`assembled the CUDA ${basename(folder)} from ${pins.length} PyPI wheels (${since(start)})`);
}

async function pythonWithPip() {
  for (const name of ["python3", "python"]) {
    const python = which(name);
    if (python && (await run(python, ["-m", "pip", "--version"])).code === 0) return python;
  }
  throw new NoToolkit(
    "honeybee's CUDA library cannot be compiled because no nvcc is installed, nor python3 with pip, which can fetch one: " +
      `install with \`apt-get install python3-pip\` (or a CUDA toolkit ${OLDEST_NVCC.join(".")} or newer), then run the command again.`,
  );
}

/** Thrown where this machine has no means to get a compiler: what `--if-possible` forgives. */
export class NoToolkit extends ScriptError {}

async function fetchWheels(python, target, pins) {
  const options = ["--no-deps", "--no-compile", "--only-binary=:all:", "--disable-pip-version-check"];
  const quiet = ["--quiet", "--retries=2", "--root-user-action=ignore"];
  const { code, output } = await run(python, [
    "-m",
    "pip",
    "install",
    ...options,
    ...quiet,
    "--target",
    target,
    ...pins,
  ]);
  if (code === 0) return;
  throw new ScriptError(
    `${output.trim()}\npip could not fetch ${failedPin(output, pins)}, a part of the CUDA compiler (output above): check the network, then run the command again.`,
  );
}

/**
 * The wheel that pip's output complains of.
 *
 * @param {string} output
 * @param {string[]} pins
 * @returns {string} a pin, or all of them when pip named none
 */
export function failedPin(output, pins) {
  const errors = output.split("\n").filter((line) => /\b(ERROR|WARNING)\b/.test(line));
  const named = (pin) =>
    errors.some((line) => line.includes(pin) || line.includes(`/${pin.split("==")[0]}/`));
  return pins.find(named) ?? pins.join(", ");
}

/** What the wheels lack to be a toolkit as nvcc and CMake expect one. */
function repair(home) {
  const programs = filesIn(join(home, "bin")).filter((path) => statSync(path).isFile());
  for (const program of [...programs, join(home, "nvvm/bin/cicc")]) {
    if (existsSync(program)) chmodSync(program, 0o755);
  }
  const libraries = join(home, "lib");
  if (!existsSync(libraries)) return;
  rmSync(join(libraries, "libnvvm.so.4"), { force: true }); // 63 MB for programs that compile at run time
  symlinkSync("lib", join(home, "lib64")); // nvcc links from lib64
  for (const library of filesIn(libraries)) {
    const plain = /^(.*\/lib[^./]+\.so)\.[\d.]+$/.exec(library)?.[1]; // FindCUDAToolkit asks for libcudart.so
    if (plain && !existsSync(plain)) symlinkSync(basename(library), plain);
  }
}

const filesIn = (folder) => readdirSync(folder).map((name) => join(folder, name));
