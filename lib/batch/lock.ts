import { createHash } from "node:crypto";
import { createServer, type Server } from "node:net";
import { resolve } from "node:path";
import { fileError } from "./file-error.js";

/**
 * Claims an output file for this process, so that two batches never write to one. The claim is a socket in Linux'
 * abstract namespace, which the kernel takes back however the process ends: a lock file would outlive a kill.
 *
 * @returns what gives the claim back
 * @throws HoneybeeError ERR_FILE if another process has it
 */
export async function claimOutput(path: string): Promise<() => Promise<void>> {
  if (process.platform !== "linux") return async () => {};
  const name = createHash("sha256").update(resolve(path)).digest("hex").slice(0, 32);
  const server = createServer();
  try {
    await new Promise<void>((listening, failed) => {
      server.once("error", failed).listen(`\0honeybee-batch-${name}`, listening);
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw fileError(path, "is being written by another honeybee batch; wait for it, or name another output");
  }
  server.unref();
  return () => closed(server);
}

function closed(server: Server): Promise<void> {
  return new Promise((done) => server.close(() => done()));
}
