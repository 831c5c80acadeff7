import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { clangTool } from "./clang-tools.mjs";
import { root, run, runOrThrow } from "./process.mjs";
import { showProgress } from "./progress.mjs";
import { buildEnvironment, requireToolchain } from "./toolchain.mjs";

/** A configured tree of its own: nothing is compiled in it, only its list of compile commands is used. */
const TREE = "build-cmake/tidy";

/**
 * Kernels are templates over intrinsics for one instruction set each: minutes to analyse and nothing to find that
 * the op tests do not.
 */
const SLOW = /src\/(cpu|image)\/\w*kernels_|test\/native\/emulated_/;

/**
 * Runs clang-tidy (.clang-tidy) over the C++ sources, several files at a time.
 *
 * @param {number} jobs
 * @returns {Promise<{code: number, output: string}>}
 */
export async function tidy(jobs) {
  const program = await clangTool("clang-tidy");
  const env = buildEnvironment();
  requireToolchain(env);
  const configure = ["-S", ".", "-B", TREE, "-DHB_TESTS=ON", "-DCMAKE_CXX_COMPILER_LAUNCHER="];
  await runOrThrow("cmake", configure, { env });
  const database = JSON.parse(readFileSync(join(root, TREE, "compile_commands.json"), "utf8"));
  const files = database
    .map(({ file }) => relative(root, file))
    .filter((file) => !SLOW.test(file) && existsSync(join(root, file)));

  let done = 0;
  let failed = 0;
  let output = "";
  const queue = [...files];
  const worker = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      // g++'s warning flags that clang does not know are no fault of the source.
      const result = await run(program, [
        "-p",
        TREE,
        "--quiet",
        "--extra-arg=-Wno-unknown-warning-option",
        file,
      ]);
      showProgress(`clang-tidy: ${++done} of ${files.length}  ${file}`);
      if (result.code === 0) continue;
      failed++;
      output += result.output.replaceAll(`${root}/`, "");
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return { code: failed, output };
}
