/**
 * Builds everything and runs every test: the native tests on each instruction set of this machine, then the
 * TypeScript tests. The last line is `N passed, N failed`.
 *
 *   npm test [-- --variants] [-- dist/test/chat.test.js …]
 *
 * --variants prints the table of kernel variants; naming files runs those alone.
 */
import { buildGpuPrograms } from "./support/gpu-programs.mjs";
import { buildNative } from "./support/native.mjs";
import { main, ScriptError } from "./support/process.mjs";
import { provideRedis } from "./support/redis.mjs";
import { closingLine, exitCode, runNativeTests, runTapTests } from "./support/tests.mjs";
import { buildTypeScript } from "./support/typescript.mjs";

await main(async (args) => {
  const files = args.filter((arg) => !arg.startsWith("--"));
  const unknown = args.find((arg) => arg.startsWith("--") && arg !== "--variants");
  if (unknown)
    throw new ScriptError(`test.mjs: unknown option ${unknown}; expected --variants or test files.`);

  if (files.length === 0) await buildGpuPrograms();
  else await buildNative();
  await buildTypeScript();
  if (files.length === 0 || files.some((file) => file.includes("queue"))) await provideRedis();
  const runs = [];
  if (files.length === 0) runs.push(await runNativeTests({ echo: args.includes("--variants") }));
  runs.push(await runTapTests(files));

  const total = { passed: 0, failed: 0 };
  for (const { passed, failed } of runs) {
    total.passed += passed;
    total.failed += failed;
  }
  console.log(closingLine(total));
  return exitCode(total);
});
