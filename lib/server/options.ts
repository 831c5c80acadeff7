import { checkBoolean, checkNames, checkNumber, optionError } from "../check.js";
import { type ApiKey, checkKey } from "./keys.js";
import type { LogOption } from "./log.js";
import type { Tracer } from "./spans.js";

/** Options of a server; those of the model are given when it is loaded. */
export interface ServerOptions {
  /** How requests name the model. Default: the last part of its path. */
  modelName?: string | undefined;
  /** Who may ask; without keys everybody may. A text is a key without limits of its own. */
  apiKeys?: readonly (string | ApiKey)[] | undefined;
  /** Answers that may wait beside those that run; more are refused with 429. Default 512. */
  maxQueue?: number | undefined;
  /** Seconds for a whole request, its body and its waiting included. Default 600. */
  requestTimeout?: number | undefined;
  /** Seconds that a client may take to send a body. Default 60. */
  bodyTimeout?: number | undefined;
  /** Most bytes of a body; four times as much is the limit of all bodies at once. Default 2^25. */
  maxBodyBytes?: number | undefined;
  /** Most bytes of an encoded image. Default 20 MiB. */
  maxImageBytes?: number | undefined;
  /** Hosts from which images are fetched, over https only: exact names. Default: none. */
  allowRemoteImages?: readonly string[] | undefined;
  /** Origins whose pages may ask, or "*". Default: none. */
  cors?: string | readonly string[] | undefined;
  /** Whether the chat page is at `/`; false leaves `/` to a server around this one. Default true. */
  page?: boolean | undefined;
  /** Where a line for each request goes; the words of prompts and answers are never in it. Default false. */
  log?: LogOption | undefined;
  /** Of OpenTelemetry; each request becomes a span of it. Default: none. */
  tracer?: Tracer | undefined;
}

/** The options with their defaults. */
export interface CheckedOptions {
  modelName: string | undefined;
  apiKeys: readonly ApiKey[];
  maxQueue: number;
  requestTimeout: number;
  bodyTimeout: number;
  maxBodyBytes: number;
  maxImageBytes: number;
  allowRemoteImages: readonly string[];
  cors: readonly string[];
  page: boolean;
  log: LogOption;
  tracer: Tracer | undefined;
}

const NAMES = [
  "modelName",
  "apiKeys",
  "maxQueue",
  "requestTimeout",
  "bodyTimeout",
  "maxBodyBytes",
  "maxImageBytes",
  "allowRemoteImages",
  "cors",
  "page",
  "log",
  "tracer",
];

/** @throws HoneybeeError ERR_OPTION naming the option at fault */
export function checkServerOptions(options: ServerOptions): CheckedOptions {
  checkNames(options, NAMES, "server option");
  const number = (name: keyof ServerOptions) => checkNumber(name, options[name]);
  const { modelName, log = false, cors = [] } = options;
  if (modelName !== undefined && (typeof modelName !== "string" || modelName === ""))
    throw optionError("modelName must be a text that is not empty");
  if (typeof log !== "function" && log !== false && log !== "json" && log !== "pretty")
    throw optionError(`log must be "json", "pretty", false or a function, not ${JSON.stringify(log)}`);
  const { tracer } = options;
  if (tracer !== undefined && typeof tracer?.startSpan !== "function")
    throw optionError('tracer must be a tracer of OpenTelemetry, such as trace.getTracer("honeybee")');
  return {
    modelName,
    log,
    tracer,
    apiKeys: arrayOf("apiKeys", options.apiKeys).map(checkKey),
    maxQueue: number("maxQueue") ?? 512,
    requestTimeout: number("requestTimeout") ?? 600,
    bodyTimeout: number("bodyTimeout") ?? 60,
    maxBodyBytes: number("maxBodyBytes") ?? 2 ** 25,
    maxImageBytes: number("maxImageBytes") ?? 20 * 2 ** 20,
    allowRemoteImages: arrayOf("allowRemoteImages", options.allowRemoteImages).map(hostName),
    cors: arrayOf("cors", typeof cors === "string" ? [cors] : cors).map(origin),
    page: checkBoolean("page", options.page ?? true),
  };
}

function arrayOf<T>(name: string, value: readonly T[] = []): readonly T[] {
  if (Array.isArray(value)) return value;
  throw optionError(`${name} must be an array, not ${JSON.stringify(value)}`);
}

/** Labels with points between them; a last label that begins with a digit would make it an address. */
const HOST_NAME = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$/i;

function hostName(value: unknown): string {
  if (typeof value === "string" && HOST_NAME.test(value)) return value.toLowerCase();
  throw optionError(
    `allowRemoteImages: ${JSON.stringify(value)} is not the name of a host, such as images.example.com`,
  );
}

function origin(value: unknown): string {
  if (value === "*") return value;
  if (typeof value === "string" && URL.canParse(value) && new URL(value).origin === value) return value;
  throw optionError(
    `cors: ${JSON.stringify(value)} is not an origin such as https://example.com (no path, no slash), nor "*"`,
  );
}
