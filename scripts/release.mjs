/**
 * Writes the two packages of a release into release/: honeybee.tgz (JavaScript, and the sources to build from
 * elsewhere) and honeybee-linux-x64.tgz (the prebuilt addon, an optional dependency of the first at the same
 * version). npm 12 runs no install scripts of dependencies, so a binary must come as a package.
 *
 *   npm run release                    builds, packs and checks
 *   node scripts/release.mjs --check   only checks the two files: installs them on a machine without a compiler
 */
import { copyFileSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkRelease } from "./support/check-release.mjs";
import { ADDON, buildNative } from "./support/native.mjs";
import { platformPackage } from "./support/prebuild.mjs";
import { main, root, runOrThrow, ScriptError } from "./support/process.mjs";
import { note } from "./support/progress.mjs";
import { buildTypeScript } from "./support/typescript.mjs";

const RELEASE = join(root, "release");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const platform = platformPackage("linux", "x64");

/** Packs a folder and names the file after the package alone, so that links to a release stay the same. */
async function pack(folder, name) {
  const [{ filename, size, entryCount }] = JSON.parse(
    await runOrThrow(
      "npm",
      ["pack", "--json", "--silent", "--ignore-scripts", "--pack-destination", RELEASE],
      {
        cwd: folder,
      },
    ),
  );
  const file = join(RELEASE, `${name}.tgz`);
  renameSync(join(RELEASE, filename), file);
  note(`release/${name}.tgz: ${entryCount} files, ${(size / 1e6).toFixed(2)} MB`);
  return file;
}

/** The package as `files` in package.json describes it, with the platform package added to its manifest. */
async function packLibrary(stage) {
  const listing = await runOrThrow("npm", ["pack", "--dry-run", "--json", "--silent", "--ignore-scripts"]);
  const [{ files }] = JSON.parse(listing);
  for (const { path } of files) {
    mkdirSync(dirname(join(stage, path)), { recursive: true });
    copyFileSync(join(root, path), join(stage, path));
  }
  const { devDependencies, tap, ...published } = manifest;
  const { install, build } = manifest.scripts;
  published.scripts = { install, build };
  published.optionalDependencies = { ...published.optionalDependencies, [platform]: manifest.version };
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
  return pack(stage, manifest.name);
}

/** The addon alone, stripped, where node-gyp-build looks for it. */
async function packPlatform(stage) {
  const addon = join(stage, "prebuilds/linux-x64/honeybee.glibc.node");
  mkdirSync(dirname(addon), { recursive: true });
  copyFileSync(join(root, ADDON), addon);
  await runOrThrow("strip", ["--strip-unneeded", addon]);
  const glibc = await newestGlibc(addon);
  for (const file of ["LICENSE", "NOTICE"]) cpSync(join(root, file), join(stage, file));
  writeFileSync(
    join(stage, "README.md"),
    `# ${platform}\n\nThe native part of \`honeybee\` for Linux on x64 with glibc ${glibc} or newer; installed by it.\n`,
  );
  const description = {
    name: platform,
    version: manifest.version,
    description: "The native part of honeybee for Linux on x64 (glibc)",
    license: manifest.license,
    os: ["linux"],
    cpu: ["x64"],
    libc: ["glibc"],
    engines: manifest.engines,
    files: ["prebuilds", "NOTICE"],
  };
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(description, null, 2)}\n`);
  return pack(stage, platform);
}

/** "2.34": the newest glibc version a symbol of the addon asks for. */
async function newestGlibc(addon) {
  const symbols = await runOrThrow("objdump", ["-T", addon]);
  const versions = [...symbols.matchAll(/GLIBC_(\d+\.\d+)/g)].map(([, version]) => version);
  return versions.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
}

await main(async (args) => {
  const unknown = args.find((arg) => arg !== "--check");
  if (unknown) throw new ScriptError(`release.mjs: unknown option ${unknown}; expected --check or nothing.`);
  if (!args.includes("--check")) {
    if (`${process.platform}-${process.arch}` !== "linux-x64") {
      throw new ScriptError(`A release is made on linux-x64; this is ${process.platform}-${process.arch}.`);
    }
    await buildNative();
    await buildTypeScript();
    rmSync(RELEASE, { recursive: true, force: true });
    const stage = join(RELEASE, "stage");
    for (const name of [manifest.name, platform]) mkdirSync(join(stage, name), { recursive: true });
    await packLibrary(join(stage, manifest.name));
    await packPlatform(join(stage, platform));
    rmSync(stage, { recursive: true });
  }
  await checkRelease([manifest.name, platform].map((name) => join(RELEASE, `${name}.tgz`)));
});
