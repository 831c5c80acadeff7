import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { root, ScriptError, which } from "./process.mjs";

/** The oldest g++ these sources are built with: AVX512-BF16, AMX and C++20 are whole in it. */
const OLDEST_GCC = 12;
/** CMakeLists.txt asks for the same. */
const CMAKE_WHEEL = "cmake==4.4.4";

/**
 * The environment a native build runs in. node-gyp's make leaves variables behind that would change ours, and a
 * cmake installed by pip into .cache/cmake is found without being on PATH.
 */
export function buildEnvironment() {
  const env = { ...process.env };
  for (const name of ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILDTYPE"]) delete env[name];
  const wheel = join(root, ".cache/cmake/cmake/data/bin");
  if (existsSync(wheel)) env.PATH = `${wheel}${delimiter}${env.PATH}`;
  return env;
}

/**
 * Checks that a C++ compiler, a build tool and cmake are there.
 *
 * @throws {ScriptError} one sentence: what is missing and the command that installs it
 */
export function requireToolchain(env = buildEnvironment()) {
  const compiler = env.CXX
    ? (which(env.CXX, "/") ?? which(env.CXX, env.PATH))
    : (which("c++", env.PATH) ?? which("g++", env.PATH));
  const buildTool = which("ninja", env.PATH) ?? which("make", env.PATH);
  const cmake = which("cmake", env.PATH);
  const missing = [
    [compiler, "g++", "a C++ compiler"],
    [buildTool, "make", "make"],
    [cmake, "cmake", "cmake"],
  ].filter(([found]) => !found);
  if (missing.length > 0) throw new ScriptError(missingSentence(missing));
  requireNewCompiler(compiler);
}

function missingSentence(missing) {
  const packages = missing.map(([, name]) => name).join(" ");
  const things = new Intl.ListFormat("en").format(missing.map(([, , text]) => text));
  const onlyCmake = missing.length === 1 && packages === "cmake";
  const wheel = `python3 -m pip install --target ${join(root, ".cache/cmake")} ${CMAKE_WHEEL}`;
  return (
    `honeybee's native addon cannot be built because ${things} ${missing.length === 1 ? "is" : "are"} missing: install with ` +
    `\`apt-get install ${packages}\`${onlyCmake ? ` or, without root, \`${wheel}\`` : ""}, then run the command again.`
  );
}

function requireNewCompiler(compiler) {
  const version = execFileSync(compiler, ["--version"], { encoding: "utf8" });
  const gcc = /Free Software Foundation/.test(version) && /\) (\d+)\./.exec(version);
  if (gcc && Number(gcc[1]) < OLDEST_GCC) {
    throw new ScriptError(
      `honeybee's native addon needs g++ ${OLDEST_GCC} or newer, and ${compiler} is version ${gcc[1]}: ` +
        "install with `apt-get install g++-12` and set CXX=g++-12, then run the command again.",
    );
  }
}
