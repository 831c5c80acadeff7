import { readFile } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Command, Option } from "commander";
import { optionError } from "../check.js";
import { HoneybeeError } from "../errors.js";
import { type ApiKey, createServer, type ServerOptions } from "../server/index.js";
import { parseKeys } from "../server/keys.js";
import { checkServerOptions } from "../server/options.js";
import { type ModelFlags, modelOptions, number } from "./options.js";
import { stopSignal } from "./stop-signal.js";
import { Interrupted, load, Notes } from "./terminal.js";

export interface ServeFlags extends ModelFlags {
  host: string;
  port: number;
  apiKeyFile?: string;
  modelName?: string;
  maxQueue?: number;
  requestTimeout?: number;
  maxBodyBytes?: number;
  maxImageBytes?: number;
  allowRemoteImages?: string[];
  cors?: string[];
  page?: boolean;
  log?: "json" | "pretty" | "none";
  quiet?: boolean;
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

export function addServeOptions(command: Command): Command {
  return command
    .option("--host <address>", "where to listen", "127.0.0.1")
    .option("--port <n>", "0 is any free one", number, 8080)
    .option("--api-key-file <file>", "one key a line; without it everybody may ask")
    .option("--model-name <name>", "how requests name the model; default: the folder's name")
    .option("--max-queue <n>", "answers that may wait beside those that run (default 512)", number)
    .option("--request-timeout <seconds>", "for a whole request (default 600)", number)
    .option("--max-body-bytes <n>", "of a request (default 33554432)", number)
    .option("--max-image-bytes <n>", "of an encoded image (default 20971520)", number)
    .option("--allow-remote-images <hosts...>", "hosts from which https: images are fetched")
    .option("--cors <origins...>", "origins whose pages may ask, or *")
    .option("--no-page", "no chat page at /")
    .addOption(
      new Option("--log <form>", "of requests, on standard error").choices(["json", "pretty", "none"]),
    )
    .option("--quiet", "no notes; the log stays");
}

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
