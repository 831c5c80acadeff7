import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { runOrThrow, ScriptError, which } from "./process.mjs";
import { note, showProgress, since } from "./progress.mjs";

/** Resizes a raw picture and multiplies a few numbers, which is the native part's work, and says what it saw. */
const USE = `
  const data = new Uint8Array(4 * 3 * 3).fill(200);
  honeybee.preprocess({ data, width: 4, height: 3, channels: 3 }, { size: 8 }).then(({ rgb, pixelValues }) => {
    if (rgb.length !== 192 || rgb[0] !== 200 || pixelValues.length !== 192) throw new Error("wrong picture");
    console.log(how + ": " + Object.keys(honeybee).length + " exports, the native part resized a picture");
  });
  openOps({ threads: 1 }).then((ops) => {
    const { data } = ops.siluMul({ data: Float32Array.of(0, 5, 100, 3), rows: 2, cols: 2 });
    if (data[0] !== 0 || data[1] !== 300) throw new Error("wrong product");
    console.log(how + " of honeybee/ops: " + ops.info.description);
    ops.dispose();
  });`;

const PROGRAMS = {
  "use.mjs": `import * as honeybee from "honeybee"; import { openOps } from "honeybee/ops";
    const how = "import";${USE}`,
  "use.cjs": `const honeybee = require("honeybee"), { openOps } = require("honeybee/ops");
    const how = "require";${USE}`,
};

/**
 * Installs the packages into an empty project with an empty npm cache, without install scripts and with nothing
 * but node, npm and a shell on PATH, and uses them by `import`, by `require` and from the command line.
 *
 * @param {string[]} tarballs
 * @throws {ScriptError} with the output of the step that failed
 */
export async function checkRelease(tarballs) {
  for (const file of tarballs) {
    if (!existsSync(file)) throw new ScriptError(`${file} is missing: run \`npm run release\` first.`);
  }
  const folder = mkdtempSync(join(tmpdir(), "honeybee-release-"));
  try {
    const start = performance.now();
    const env = bareEnvironment(folder);
    const project = join(folder, "project");
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), '{ "name": "empty", "private": true }\n');
    showProgress("installing the release into an empty project …");
    await runOrThrow("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...tarballs], {
      cwd: project,
      env,
    });
    note(`installed ${tarballs.map((file) => basename(file)).join(" and ")} (${since(start)})`);

    for (const [name, text] of Object.entries(PROGRAMS)) {
      writeFileSync(join(project, name), text);
      note((await runOrThrow("node", [name], { cwd: project, env })).trim());
    }
    note(
      (
        await runOrThrow(join(project, "node_modules/.bin/honeybee"), ["--version"], { cwd: project, env })
      ).trim(),
    );
    note(
      (
        await runOrThrow(join(project, "node_modules/.bin/honeybee"), ["inspect"], { cwd: project, env })
      ).trim(),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** This process's environment without what npm added to it, and with next to nothing on PATH. */
function bareEnvironment(folder) {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  for (const name of ["node", "npm", "sh", "env"]) symlinkSync(realpathSync(which(name)), join(bin, name));
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(package|lifecycle|node|execpath)|HONEYBEE_)/.test(name),
  );
  return { ...Object.fromEntries(inherited), PATH: bin, npm_config_cache: join(folder, "npm-cache") };
}
