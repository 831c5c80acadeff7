/**
 * Builds the native test program with sanitizers, each in a tree of its own, and runs it. The last line is
 * `N passed, N failed`.
 *
 *   node scripts/sanitize.mjs [RUN …]
 *
 * address           everything under AddressSanitizer and UndefinedBehaviorSanitizer
 * thread            the tests that share memory between threads under ThreadSanitizer
 * address-simulator the same two for the CUDA sources on the simulator, whose threads ThreadSanitizer watches like
 * thread-simulator  those of a process; minutes each, so only when named
 */
import { availableParallelism } from "node:os";
import { main, runOrThrow, ScriptError } from "./support/process.mjs";
import { clearProgress, note, showProgress, since } from "./support/progress.mjs";
import { closingLine, exitCode, runNativeTests } from "./support/tests.mjs";
import { buildEnvironment, requireToolchain } from "./support/toolchain.mjs";

const ADDRESS = {
  ASAN_OPTIONS: "detect_stack_use_after_return=1:allocator_may_return_null=1",
  UBSAN_OPTIONS: "print_stacktrace=1",
};
const THREAD = { TSAN_OPTIONS: "halt_on_error=1:second_deadlock_stack=1" };
const DEFAULT = ["address", "thread"];

const RUNS = {
  address: { sanitizer: "address", runs: [[]], env: ADDRESS },
  thread: { sanitizer: "thread", runs: [["pool"], ["engine"]], env: THREAD },
  "address-simulator": { sanitizer: "address", simulator: true, runs: [["--device", "simt"]], env: ADDRESS },
  "thread-simulator": {
    sanitizer: "thread",
    simulator: true,
    runs: [["--device", "simt", "--skip", "engine_survives_each"]],
    env: THREAD,
  },
};

async function build({ sanitizer, simulator = false }, tree, env) {
  const start = performance.now();
  const configure = [
    "-S",
    ".",
    "-B",
    tree,
    "-DHB_ADDON=OFF",
    "-DHB_TESTS=ON",
    `-DHB_SIMT=${simulator ? "ON" : "OFF"}`,
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
    throw new ScriptError(`sanitize.mjs: unknown run ${unknown}; expected ${Object.keys(RUNS).join(", ")}.`);
  const env = buildEnvironment();
  requireToolchain(env);
  const total = { passed: 0, failed: 0 };
  for (const name of args.length > 0 ? args : DEFAULT) {
    const tree = `build-cmake/sanitize-${name}`;
    await build(RUNS[name], tree, env);
    for (const args of RUNS[name].runs) {
      const counts = await runNativeTests({
        program: `${tree}/honeybee-native-test`,
        args,
        env: { ...env, ...RUNS[name].env },
        title: [`sanitizer: ${name}`, ...args].join(" "),
      });
      total.passed += counts.passed;
      total.failed += counts.failed;
    }
  }
  console.log(closingLine(total));
  return exitCode(total);
});
