/**
 * Builds the native test program with sanitizers, each in a tree of its own, and runs it, as many runs at a time as there
 * are cores. The last line is `N passed, N failed`.
 *
 *   node scripts/sanitize.mjs [SUITE …]
 *
 * address   everything under AddressSanitizer and UndefinedBehaviorSanitizer, the CUDA sources on the simulator too
 * thread    under ThreadSanitizer what shares memory between threads: pool and engine; and the operations on the simulator,
 *           whose CUDA threads it watches like those of a process
 * failures  engines on the simulator, each of whose calls fails in turn, under AddressSanitizer; minutes, so only when
 *           named
 */
import { availableParallelism } from "node:os";
import { main, runOrThrow, ScriptError } from "./support/process.mjs";
import { clearProgress, note, showProgress, since } from "./support/progress.mjs";
import { closingLine, exitCode, runNativeTests } from "./support/tests.mjs";
import { buildEnvironment, requireToolchain } from "./support/toolchain.mjs";

const DEFAULT = ["address", "thread"];

const ENVIRONMENT = {
  address: {
    ASAN_OPTIONS: "detect_stack_use_after_return=1:allocator_may_return_null=1",
    UBSAN_OPTIONS: "print_stacktrace=1",
  },
  thread: { TSAN_OPTIONS: "halt_on_error=1:second_deadlock_stack=1" },
};
const NO_SIMULATOR = { HONEYBEE_SIMT_LIBRARY: "" };

const skip = (...names) => names.flatMap((name) => ["--skip", name]);
const SIMULATOR = ["--device", "simt", ...skip("engine_survives_each", "engine_lets_an_allocation_fail")];

/** Longest first. */
const RUNS = [
  {
    suite: "thread",
    sanitizer: "thread",
    args: [...SIMULATOR, ...skip("engine", "model", "simt", "scheduler", "block_manager", "pool")],
  },
  {
    suite: "address",
    sanitizer: "address",
    // Without what never comes to a device, and fifty random schedules, two fifths of the time.
    args: [
      ...SIMULATOR,
      ...skip("scheduler", "block_manager", "pool", "grammar", "of_batch_invariant_devices"),
    ],
  },
  { suite: "address", sanitizer: "address", env: NO_SIMULATOR },
  { suite: "thread", sanitizer: "thread", args: ["engine"], env: NO_SIMULATOR },
  { suite: "thread", sanitizer: "thread", args: ["pool"], env: NO_SIMULATOR },
  {
    suite: "failures",
    sanitizer: "address",
    args: ["engine_survives_each", "engine_lets_an_allocation_fail"],
  },
];

const treeOf = (sanitizer) => `build-cmake/sanitize-${sanitizer}`;

async function build(sanitizer, env) {
  const tree = treeOf(sanitizer);
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

function runTests({ sanitizer, args = [], env }, environment) {
  return runNativeTests({
    program: `${treeOf(sanitizer)}/honeybee-native-test`,
    args,
    env: { ...environment, ...ENVIRONMENT[sanitizer], ...env },
    title: `${sanitizer} sanitizer: ${args.length > 0 ? args.join(" ") : "everything on the CPU"}`,
  });
}

await main(async (args) => {
  const suites = new Set(RUNS.map(({ suite }) => suite));
  const unknown = args.find((arg) => !suites.has(arg));
  if (unknown)
    throw new ScriptError(`sanitize.mjs: unknown suite ${unknown}; expected ${[...suites].join(", ")}.`);
  const env = buildEnvironment();
  requireToolchain(env);
  const waiting = RUNS.filter(({ suite }) => (args.length > 0 ? args : DEFAULT).includes(suite));
  for (const sanitizer of new Set(waiting.map(({ sanitizer }) => sanitizer))) await build(sanitizer, env);

  const total = { passed: 0, failed: 0 };
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { passed, failed } = await runTests(next, env);
      total.passed += passed;
      total.failed += failed;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  console.log(closingLine(total));
  return exitCode(total);
});
