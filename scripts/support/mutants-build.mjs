import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { withMutants } from "./mutants-write.mjs";
import { root, runOrThrow, ScriptError, which } from "./process.mjs";

/** @typedef {import("./mutants-choose.mjs").MutatedFile} MutatedFile */

const FOLDER = "build-mutants";
const TARGET = "honeybee-simt.dir";
/** Arrays of a thread's own are not watched by the simulator: an index outside one ends the program. */
const TRAPS = ["-fsanitize=bounds-strict", "-fsanitize-undefined-trap-on-error"];

/** How the compiler was called for each source of the simulator in a build tree, by the source's path. */
function simulatorCommands(tree) {
  const commands = JSON.parse(readFileSync(join(tree, "compile_commands.json"), "utf8"));
  const ours = commands.filter(({ command }) => command.includes(TARGET));
  return new Map(
    ours.map(({ file, command, directory }) => [resolve(directory, file), { directory, ...split(command) }]),
  );
}

function split(command) {
  const words = command.match(/(?:\\.|[^\s\\])+/g).map((word) => word.replace(/\\(.)/g, "$1"));
  const output = words.indexOf("-o");
  const input = words.indexOf("-c");
  return {
    compiler: words[0],
    object: words[output + 1],
    options: words.filter((_, i) => i > 0 && ![output, output + 1, input, input + 1].includes(i)),
  };
}

/**
 * Compiles a file with its mutants, once for all of them, and links it with the other objects of the simulator.
 *
 * @param {MutatedFile} mutated
 * @param {string} tree a build tree whose honeybee-simt is up to date
 * @returns {Promise<string>} the path of the library
 * @throws {ScriptError} the compiler's words
 */
export async function buildMutated({ file, sources, mutants }, tree) {
  const folder = join(root, FOLDER, file.replace(/^cuda\/|\.cu$/g, ""));
  for (const [name, source] of sources) {
    const target = join(folder, name);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(
      target,
      withMutants(
        source,
        mutants.filter((mutant) => mutant.file === name),
      ),
    );
  }
  const commands = simulatorCommands(tree);
  const own = commands.get(join(root, file));
  if (!own) throw new ScriptError(`${file}: not a source of honeybee-simt in ${tree}.`);
  const compile = (options, input, object) => {
    const launcher = [which("ccache"), own.compiler].filter(Boolean);
    const words = [...launcher.slice(1), "-I", folder, ...options, "-w", "-c", input, "-o", object];
    return runOrThrow(launcher[0], words, { cwd: own.directory });
  };
  const objects = [join(folder, "mutated.o"), join(folder, "mutants.o")];
  const prelude = ["-include", join(root, "test/mutants/mutants.h")];
  await compile([...prelude, ...own.options, ...TRAPS], join(folder, file), objects[0]);
  await compile(["-std=c++20", "-O2", "-fPIC"], join(root, "test/mutants/mutants.cpp"), objects[1]);

  const others = [...commands.values()].filter((command) => command !== own);
  objects.push(...others.map(({ directory, object }) => resolve(directory, object)));
  const library = join(folder, "honeybee-simt.so");
  await runOrThrow(own.compiler, ["-shared", ...objects, "-pthread", "-ldl", "-o", library]);
  return library;
}
