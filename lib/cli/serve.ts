import { readFile } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { optionError } from "../check.js";
import { HoneybeeError } from "../errors.js";
import { type ApiKey, createServer, type ServerOptions } from "../server/index.js";
import { parseKeys } from "../server/keys.js";
import { checkServerOptions } from "../server/options.js";
import { modelOptions } from "./options.js";
import type { ServeFlags } from "./serve-options.js";
import { stopSignal } from "./stop-signal.js";
import { Interrupted, load, Notes } from "./terminal.js";

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** `honeybee serve`: answers over HTTP until SIGTERM or Ctrl-C, then finishes what runs. */
export async function serve(model: string, flags: ServeFlags): Promise<void> {
  const notes = new Notes(flags.quiet ?? false);
  const { host, port, apiKeyFile } = flags;
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw optionError(`--port must be an integer from 0 to 65535, not ${port}`);
  const options: ServerOptions = {
    modelName: flags.modelName,
    maxQueue: flags.maxQueue,
    requestTimeout: flags.requestTimeout,
    maxBodyBytes: flags.maxBodyBytes,
    maxImageBytes: flags.maxImageBytes,
    allowRemoteImages: flags.allowRemoteImages,
    cors: flags.cors,
    page: flags.page,
    log: flags.log === "none" ? false : (flags.log ?? (process.stderr.isTTY ? "pretty" : "json")),
    apiKeys: apiKeyFile === undefined ? undefined : await readKeys(apiKeyFile),
  };
  // A wrong option is told before the model is loaded.
  checkServerOptions(options);
  const stopping = stopSignal();
  const loaded = await load(model, { ...modelOptions(flags), signal: stopping.now }, notes);
  try {
    const server = createServer(loaded, options);
    await listen(server, host, port);
    const { port: bound } = server.address() as AddressInfo;
    notes.say(`listening on http://${host.includes(":") ? `[${host}]` : host}:${bound}`);
    if (!apiKeyFile && !LOOPBACK.test(host))
      notes.say("without --api-key-file, whoever reaches this address may use the model");
    const signal = await stopping.asked;
    notes.say("stopping: what runs is finished; the same signal again stops it at once");
    await closed(server, stopping.now);
    if (signal === "SIGINT") throw new Interrupted();
  } finally {
    await loaded.dispose();
  }
}

async function readKeys(file: string): Promise<ApiKey[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new HoneybeeError("ERR_FILE", `${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return parseKeys(text, file);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = ({ code, message }: NodeJS.ErrnoException) => {
      const why = code === "EADDRINUSE" ? "it is taken; choose another with --port" : message;
      reject(new HoneybeeError("ERR_OPTION", `port ${port} of ${host} cannot be opened: ${why}`));
    };
    server.once("error", refuse).listen(port, host, () => {
      server.off("error", refuse);
      resolve();
    });
  });
}

/** Resolves when the last answer has ended, or with `now` at once. */
function closed(server: Server, now: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    now.addEventListener("abort", () => server.closeAllConnections());
    server.close(() => resolve());
  });
}
