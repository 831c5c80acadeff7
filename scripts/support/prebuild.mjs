import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { root, run } from "./process.mjs";

/** The package that holds the prebuilt addon of a platform. */
export const platformPackage = (platform = process.platform, arch = process.arch) =>
  `honeybee-${platform}-${arch}`;

/**
 * The prebuilt addon for this machine, if its platform package is installed and the addon really loads here (a
 * musl system finds the package but cannot load it).
 *
 * @returns {Promise<string | undefined>} its path
 */
export async function findPrebuild() {
  const folder = prebuildFolder();
  if (!folder || !existsSync(folder)) return undefined;
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".node"))) {
    const addon = join(folder, name);
    const { code } = await run(process.execPath, ["-e", "require(process.argv[1])", addon]);
    if (code === 0) return addon;
  }
  return undefined;
}

function prebuildFolder() {
  try {
    const manifest = createRequire(join(root, "package.json")).resolve(`${platformPackage()}/package.json`);
    return join(dirname(manifest), "prebuilds", `${process.platform}-${process.arch}`);
  } catch {
    return undefined;
  }
}
