/**
 * Writes the packages of a release into release/: honeybee.tgz (JavaScript, and the sources to build from elsewhere),
 * honeybee-linux-x64.tgz (the prebuilt addon) and, where a CUDA compiler is to be had, honeybee-linux-x64-cuda.tgz
 * (honeybee-cuda.so for every supported GPU). The latter are optional dependencies of the first at the same version:
 * npm 12 runs no install scripts of dependencies, so a binary must come as a package.
 *
 *   npm run release                    builds, packs and checks
 *   node scripts/release.mjs --check   only checks the files: installs them on a machine without a compiler
 */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { checkRelease } from "./support/check-release.mjs";
import { buildCuda, builtLibrary, CUDA_BUILDS } from "./support/cuda-build.mjs";
import { NoToolkit } from "./support/cuda-toolkit.mjs";
import { newestGlibc } from "./support/elf.mjs";
import { ADDON, buildNative } from "./support/native.mjs";
import { platformPackage } from "./support/prebuild.mjs";
import { main, root, runOrThrow, ScriptError } from "./support/process.mjs";
import { note } from "./support/progress.mjs";
import { buildTypeScript } from "./support/typescript.mjs";

const RELEASE = join(root, "release");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const platform = platformPackage("linux", "x64");

/** The packages with binaries: what is in each, and where. node-gyp-build looks for an addon of that name. */
const BINARIES = {
  [platform]: {
    what: "The native part",
    source: ADDON,
    target: "prebuilds/linux-x64/honeybee.glibc.node",
  },
  [`${platform}-cuda`]: {
    what: "The CUDA backend",
    source: builtLibrary(CUDA_BUILDS.release),
    target: "prebuilds/linux-x64/honeybee-cuda.so",
  },
};

const tarball = (name) => join(RELEASE, `${name}.tgz`);

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
  renameSync(join(RELEASE, filename), tarball(name));
  note(`release/${name}.tgz: ${entryCount} files, ${(size / 1e6).toFixed(2)} MB`);
}

/** The package as `files` in package.json describes it, with the binary packages added to its manifest. */
async function packLibrary(stage, binaries) {
  const listing = await runOrThrow("npm", ["pack", "--dry-run", "--json", "--silent", "--ignore-scripts"]);
  const [{ files }] = JSON.parse(listing);
  for (const { path } of files) {
    mkdirSync(dirname(join(stage, path)), { recursive: true });
    copyFileSync(join(root, path), join(stage, path));
  }
  const { devDependencies, tap, ...published } = manifest;
  const { install, build } = manifest.scripts;
  published.scripts = { install, build };
  const pinned = Object.fromEntries(binaries.map((name) => [name, manifest.version]));
  published.optionalDependencies = { ...published.optionalDependencies, ...pinned };
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
  await pack(stage, manifest.name);
}

/** One binary alone, stripped. */
async function packBinary(stage, name) {
  const { what, source, target } = BINARIES[name];
  const binary = join(stage, target);
  mkdirSync(dirname(binary), { recursive: true });
  copyFileSync(join(root, source), binary);
  await runOrThrow("strip", ["--strip-unneeded", binary]);
  const glibc = await newestGlibc(binary);
  for (const file of ["LICENSE", "NOTICE"]) cpSync(join(root, file), join(stage, file));
  writeFileSync(
    join(stage, "README.md"),
    `# ${name}\n\n${what} of \`honeybee\` for Linux on x64 with glibc ${glibc} or newer; installed by it.\n`,
  );
  const description = {
    name,
    version: manifest.version,
    description: `${what} of honeybee for Linux on x64 (glibc)`,
    license: manifest.license,
    os: ["linux"],
    cpu: ["x64"],
    libc: ["glibc"],
    engines: manifest.engines,
    files: ["prebuilds", "NOTICE"],
  };
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(description, null, 2)}\n`);
  await pack(stage, name);
}

/** Builds everything; the names of the binary packages that can be packed. */
async function build() {
  await buildNative();
  await buildTypeScript();
  try {
    await buildCuda(CUDA_BUILDS.release);
    return Object.keys(BINARIES);
  } catch (error) {
    if (!(error instanceof NoToolkit)) throw error;
    note(`a release without ${platform}-cuda: ${error.message}`);
    return [platform];
  }
}

async function writeRelease() {
  if (`${process.platform}-${process.arch}` !== "linux-x64") {
    throw new ScriptError(`A release is made on linux-x64; this is ${process.platform}-${process.arch}.`);
  }
  const binaries = await build();
  rmSync(RELEASE, { recursive: true, force: true });
  const stage = join(RELEASE, "stage");
  for (const name of [manifest.name, ...binaries]) mkdirSync(join(stage, name), { recursive: true });
  await packLibrary(join(stage, manifest.name), binaries);
  for (const name of binaries) await packBinary(join(stage, name), name);
  rmSync(stage, { recursive: true });
}

await main(async (args) => {
  const unknown = args.find((arg) => arg !== "--check");
  if (unknown) throw new ScriptError(`release.mjs: unknown option ${unknown}; expected --check or nothing.`);
  if (!args.includes("--check")) await writeRelease();
  const optional = tarball(`${platform}-cuda`);
  if (!existsSync(optional))
    note("no CUDA package to check: `npm run release` writes it where nvcc can be had");
  const written = [manifest.name, platform].map(tarball);
  await checkRelease(existsSync(optional) ? [...written, optional] : written);
});
