import { lookup } from "node:dns/promises";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { isPublicAddress } from "./addresses.js";
import { HttpError } from "./errors.js";

/** Milliseconds for one image, from the name's resolution to the last byte. */
const FETCH_TIMEOUT = 10_000;

/** How names are resolved and connections made; tests have their own. */
export interface Transport {
  /** All addresses of a host. */
  resolve(host: string): Promise<string[]>;
  agent: Agent;
  timeout: number;
}

export const systemTransport: Transport = {
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  agent: new Agent({ keepAlive: false }),
  timeout: FETCH_TIMEOUT,
};

export interface RemoteLimits {
  /** Exact names of the hosts that may be asked. */
  hosts: readonly string[];
  maxBytes: number;
}

/**
 * Makes sure that a URL may be fetched at all: https, an allowed host by its name, the usual port, no password.
 *
 * @throws HttpError 400
 */
export function checkRemoteUrl(text: string, hosts: readonly string[]): URL {
  const shown = text.slice(0, 100);
  if (!URL.canParse(text)) throw refused(`${shown} is not a URL`);
  const url = new URL(text);
  if (url.protocol !== "https:") throw refused(`${shown}: images are fetched over https only`);
  if (!hosts.includes(url.hostname)) throw refused(`${shown}: images are not fetched from ${url.hostname}`);
  if (url.port !== "" || url.username !== "" || url.password !== "")
    throw refused(`${shown}: the URL of an image has neither port nor user`);
  return url;
}

/**
 * Fetches an image. The name is resolved once and the connection made to that very address, so that no later answer of
 * the DNS counts; redirects are not followed.
 *
 * @param take told of the bytes that arrive; may refuse them
 * @throws HttpError 400 and 413; what `take` throws; the signal's reason
 */
export async function fetchImage(
  url: URL,
  { maxBytes }: RemoteLimits,
  { resolve, agent, timeout }: Transport,
  take: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Buffer> {
  const expired = AbortSignal.timeout(timeout);
  const either = AbortSignal.any([signal, expired]);
  try {
    const address = await publicAddress(url.hostname, resolve, either);
    const response = await get(url, address, agent, either);
    checkResponse(url, response, maxBytes);
    return await read(url, response, maxBytes, take);
  } catch (error) {
    signal.throwIfAborted();
    if (expired.aborted) throw failed(url, `took longer than ${timeout / 1000} s`);
    if (error instanceof HttpError) throw error;
    throw failed(url, (error as Error).message, error);
  }
}

async function publicAddress(
  host: string,
  resolve: Transport["resolve"],
  signal: AbortSignal,
): Promise<string> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  const addresses = await Promise.race([resolve(host), aborted]);
  // One private address among public ones is how a name is made to change its meaning.
  if (addresses.length > 0 && addresses.every(isPublicAddress)) return addresses[0]!;
  throw refused(`${host} has no public address, or not only such; images are fetched from those only`);
}

function get(url: URL, address: string, agent: Agent, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request({
      host: address,
      // What the certificate has to be for.
      servername: url.hostname,
      path: `${url.pathname}${url.search}`,
      headers: {
        host: url.hostname,
        accept: "image/*",
        "accept-encoding": "identity",
        "user-agent": "honeybee",
      },
      agent,
      signal,
    });
    asked.once("response", resolve).once("error", reject).end();
  });
}

function checkResponse(url: URL, response: IncomingMessage, maxBytes: number): void {
  const { statusCode = 0, headers } = response;
  let problem: HttpError | undefined;
  if (statusCode >= 300 && statusCode < 400)
    problem = failed(url, "is elsewhere; redirects are not followed, so name the place itself");
  else if (statusCode !== 200) problem = failed(url, `was answered with status ${statusCode}`);
  else if (Number(headers["content-length"] ?? 0) > maxBytes) problem = tooLarge(url, maxBytes);
  if (!problem) return;
  response.destroy();
  throw problem;
}

async function read(
  url: URL,
  response: IncomingMessage,
  maxBytes: number,
  take: (bytes: number) => void,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  // Leaving the loop by an error destroys the response.
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > maxBytes) throw tooLarge(url, maxBytes);
    take(part.length);
    parts.push(part);
  }
  return Buffer.concat(parts, length);
}

function refused(message: string): HttpError {
  return new HttpError(400, "invalid_image_url", message);
}

function failed(url: URL, why: string, cause?: unknown): HttpError {
  const message = `${url.href.slice(0, 100)} ${why}`;
  return new HttpError(
    400,
    "image_not_fetched",
    message,
    undefined,
    cause === undefined ? undefined : { cause },
  );
}

function tooLarge(url: URL, maxBytes: number): HttpError {
  const message = `${url.href.slice(0, 100)} has more than the ${maxBytes} bytes that this server takes of an image`;
  return new HttpError(413, "image_too_large", message);
}
