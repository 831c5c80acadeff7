/**
 * Builds the native test program with sanitizers, each in a tree of its own, and runs it: everything under
 * AddressSanitizer and UndefinedBehaviorSanitizer; under ThreadSanitizer the tests that share memory between threads,
 * and every CUDA kernel on the simulator, whose threads it watches too. The last line is `N passed, N failed`.
 *
 *   node scripts/sanitize.mjs [address] [thread]
 */
import { availableParallelism } from "node:os";
import { main, runOrThrow, ScriptError } from "./support/process.mjs";
import { clearProgress, note, showProgress, since } from "./support/progress.mjs";
import { closingLine, exitCode, runNativeTests } from "./support/tests.mjs";
import { buildEnvironment, requireToolchain } from "./support/toolchain.mjs";

const RUNS = {
  address: {
    runs: [[]],
    env: {
      ASAN_OPTIONS: "detect_stack_use_after_return=1:allocator_may_return_null=1",
      UBSAN_OPTIONS: "print_stacktrace=1",
    },
  },
  thread: {
    runs: [["pool"], ["engine", "--device", "cpu"], ["--device", "simt", "--skip", "engine_survives_each"]],
    env: { TSAN_OPTIONS: "halt_on_error=1:second_deadlock_stack=1" },
  },
};

async function build(sanitizer, tree, env) {
  const start = performance.now();
  const configure = [
    "-S",
    ".",
    "-B",
    tree,
    "-DHB_ADDON=OFF",
    "-DHB_TESTS=ON",
    "-DHB_SIMT=ON",
    `-DHB_SANITIZE=${sanitizer}`,
  ];
  await runOrThrow("cmake", configure, { env });
  const title = `building for the ${sanitizer} sanitizer`;
  showProgress(`${title} …`);
  const jobs = env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
  await runOrThrow("cmake", ["--build", tree, "--parallel", jobs], {
    env,
    onLine: (line) => showProgress(`${title}: ${line}`),
  });
  clearProgress();
  note(`built for the ${sanitizer} sanitizer (${since(start)})`);
}

await main(async (args) => {
  const unknown = args.find((arg) => !(arg in RUNS));
  if (unknown)
    throw new ScriptError(`sanitize.mjs: unknown sanitizer ${unknown}; expected address or thread.`);
  const env = buildEnvironment();
  requireToolchain(env);
  const total = { passed: 0, failed: 0 };
  for (const sanitizer of args.length > 0 ? args : Object.keys(RUNS)) {
    const tree = `build-cmake/sanitize-${sanitizer}`;
    await build(sanitizer, tree, env);
    for (const args of RUNS[sanitizer].runs) {
      const counts = await runNativeTests({
        program: `${tree}/honeybee-native-test`,
        args,
        env: { ...env, ...RUNS[sanitizer].env },
        title: [`${sanitizer} sanitizer`, ...args].join(" "),
      });
      total.passed += counts.passed;
      total.failed += counts.failed;
    }
  }
  console.log(closingLine(total));
  return exitCode(total);
});
