import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { root, runOrThrow, ScriptError, which } from "../../scripts/support/process.mjs";
import { note, showProgress, since } from "../../scripts/support/progress.mjs";
import { buildEnvironment, requireToolchain } from "../../scripts/support/toolchain.mjs";

/** The npm package that carries a source bundle of llama.cpp, so that one pinned download is all. */
const PACKAGE = "node-llama-cpp@3.22.1";
const PROGRAMS = ["llama-bench", "llama-mtmd-cli", "llama-server"];

/** Everything that is downloaded and built for a peer. */
export const PEERS = join(root, ".cache/peers");
const home = join(PEERS, PACKAGE.replace("@", "-"));

/** True where the kernel says the CPU has AMX tiles. */
export const hasAmx = () => /\bamx_tile\b/.test(readFileSync("/proc/cpuinfo", "utf8"));

/**
 * Downloads, builds and caches llama.cpp for this machine. With AMX g++ 12 compiles a program that dies of an
 * invalid opcode (its tile-configuration intrinsic is wrong), so clang is asked for there.
 *
 * @returns {Promise<{bin: string, description: string}>} the folder of the programs; version and compiler
 */
export async function llamaCpp() {
  const compiler = chooseCompiler();
  const tree = join(home, `build-${compiler.cxx}`);
  const bin = join(tree, "bin");
  if (!PROGRAMS.every((program) => existsSync(join(bin, program)))) {
    await getSource();
    await build(tree, compiler);
  }
  const commit = (
    await runOrThrow("git", ["-C", join(home, "source"), "rev-parse", "--short", "HEAD"])
  ).trim();
  return {
    bin,
    description: `llama.cpp ${commit} (from ${PACKAGE}), ${compiler.cxx}, native flags`,
  };
}

function chooseCompiler() {
  if (!hasAmx()) return { cc: "gcc", cxx: "g++" };
  for (let version = 22; version >= 16; version--) {
    if (which(`clang++-${version}`)) return { cc: `clang-${version}`, cxx: `clang++-${version}` };
  }
  throw new ScriptError(
    "llama.cpp needs clang 16 or newer on a CPU with AMX: install with `apt-get install clang-16`, then run the " +
      "command again.",
  );
}

async function getSource() {
  const source = join(home, "source");
  if (existsSync(join(source, "CMakeLists.txt"))) return;
  showProgress(`downloading ${PACKAGE} …`);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  await runOrThrow("npm", ["pack", PACKAGE, "--silent", "--ignore-scripts", "--pack-destination", home], {
    cwd: home,
  });
  const archive = readdirSync(home).find((name) => name.endsWith(".tgz"));
  await runOrThrow("tar", ["xzf", archive, "package/llama/gitRelease.bundle"], {
    cwd: home,
  });
  await runOrThrow("git", ["clone", "--quiet", "package/llama/gitRelease.bundle", source], { cwd: home });
}

async function build(tree, { cc, cxx }) {
  const env = buildEnvironment();
  requireToolchain(env);
  const start = performance.now();
  const off = [
    "BUILD_SHARED_LIBS",
    "LLAMA_OPENSSL",
    "LLAMA_BUILD_WEBUI",
    "LLAMA_BUILD_TESTS",
    "LLAMA_BUILD_EXAMPLES",
  ];
  const options = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGGML_NATIVE=ON",
    `-DCMAKE_C_COMPILER=${cc}`,
    `-DCMAKE_CXX_COMPILER=${cxx}`,
    ...off.map((name) => `-D${name}=OFF`),
  ];
  await runOrThrow("cmake", ["-S", join(home, "source"), "-B", tree, ...options], { env });
  const jobs = env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
  await runOrThrow("cmake", ["--build", tree, "--parallel", jobs, "--target", ...PROGRAMS], {
    env,
    onLine: (line) => showProgress(`building llama.cpp: ${line}`),
  });
  note(`built llama.cpp with ${cxx} (${since(start)})`);
}
