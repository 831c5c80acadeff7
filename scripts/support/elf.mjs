import { runOrThrow, ScriptError } from "./process.mjs";

/** What every Linux with glibc has. librt, libdl and libpthread are part of libc since glibc 2.34. */
const SYSTEM = /^(ld-linux-[\w-]+|libc|libm|libgcc_s|libstdc\+\+|librt|libdl|libpthread)\.so\.\d+$/;

/**
 * The libraries that a shared library asks the loader for.
 *
 * @param {string} listing of `readelf -d`
 * @returns {string[]} sonames
 */
export const neededLibraries = (listing) =>
  [...listing.matchAll(/\(NEEDED\).*\[([^\]]+)\]/g)].map(([, name]) => name);

/** Those of them that a system may lack. */
export const foreignLibraries = (needed) => needed.filter((name) => !SYSTEM.test(name));

/**
 * Refuses a library that would not load everywhere: one linked to the driver, to cuBLAS, or to anything but the
 * system's own libraries.
 *
 * @param {string} library path
 * @returns {Promise<string[]>} what it needs
 * @throws {ScriptError}
 */
export async function requireSystemLibrariesOnly(library) {
  const needed = neededLibraries(await runOrThrow("readelf", ["--dynamic", "--wide", library]));
  const others = foreignLibraries(needed);
  if (others.length > 0) {
    throw new ScriptError(
      `${library} is linked to ${others.join(", ")}, so it loads only where that is installed: open it at run time (as cuda/cublaslt.cpp does), or link its static form.`,
    );
  }
  return needed;
}

/**
 * The newest glibc version that a symbol of a library asks for.
 *
 * @param {string} library path
 * @returns {Promise<string>} "2.34"
 */
export async function newestGlibc(library) {
  const symbols = await runOrThrow("objdump", ["-T", library]);
  const versions = [...symbols.matchAll(/GLIBC_(\d+\.\d+)/g)].map(([, version]) => version);
  return versions.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
}
