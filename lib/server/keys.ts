import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { checkNames, checkNumber, optionError } from "../check.js";
import { HttpError } from "./errors.js";

/** A key, and what its holder may. */
export interface ApiKey {
  key: string;
  /** As the log calls it. Default: "key N", its place in the list. */
  name?: string | undefined;
  /** Requests a minute; as many may come at once. Default: no limit. */
  rate?: number | undefined;
  /** Requests under way at once. Default: no limit. */
  concurrency?: number | undefined;
  /** Of its requests, who may lower it themselves. Default 0. */
  priority?: number | undefined;
}

const NAMES = ["key", "name", "rate", "concurrency", "priority"];

/**
 * Keys from a file: one a line, then `name=`, `rate=`, `concurrency=` and `priority=` in any order; `#` begins a comment.
 *
 * @throws HoneybeeError ERR_OPTION naming the line at fault
 */
export function parseKeys(text: string, file: string): ApiKey[] {
  const keys: ApiKey[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [key, ...settings] = line
      .replace(/(^|\s)#.*$/, "")
      .trim()
      .split(/\s+/);
    if (!key) continue;
    const found: Record<string, unknown> = { key };
    for (const setting of settings) {
      const match = /^(name|rate|concurrency|priority)=(.+)$/.exec(setting);
      if (!match)
        throw optionError(
          `${file}, line ${index + 1}: ${JSON.stringify(setting)} is none of name=, rate=, concurrency=, priority=`,
        );
      found[match[1]!] = match[1] === "name" ? match[2] : Number(match[2]);
    }
    keys.push(found as unknown as ApiKey);
  }
  if (keys.length > 0) return keys;
  throw optionError(`${file} holds no key; write one a line, or leave the option out`);
}

/** A holder of a key, and what of its limits is used. */
export class Client {
  readonly priority: number;
  private running = 0;
  private tokens: number;
  private filled = performance.now();

  constructor(
    readonly name: string,
    private readonly limits: Omit<ApiKey, "key" | "name">,
  ) {
    this.priority = limits.priority ?? 0;
    this.tokens = fullBucket(limits.rate ?? 0);
  }

  /**
   * Begins a request; the returned function ends it.
   *
   * @throws HttpError 429
   */
  enter(): () => void {
    const { rate, concurrency = Number.POSITIVE_INFINITY } = this.limits;
    if (this.running >= concurrency)
      throw tooMany(`this key may have ${concurrency} requests under way; wait until one has ended`, 1);
    if (rate !== undefined) this.spend(rate);
    this.running++;
    return () => {
      this.running--;
    };
  }

  /** A bucket of `rate` tokens that is filled within a minute. */
  private spend(rate: number): void {
    const now = performance.now();
    this.tokens = Math.min(fullBucket(rate), this.tokens + ((now - this.filled) / 60_000) * rate);
    this.filled = now;
    if (this.tokens < 1)
      throw tooMany(`this key may send ${rate} requests a minute`, ((1 - this.tokens) / rate) * 60);
    this.tokens--;
  }
}

/** At a rate below one a minute there is still one at first. */
function fullBucket(rate: number): number {
  return Math.max(rate, 1);
}

function tooMany(message: string, seconds: number): HttpError {
  return new HttpError(429, "rate_limit_exceeded", message, Math.ceil(seconds));
}

/** Finds out who asks. */
export class KeyRing {
  private readonly holders: { digest: Buffer; client: Client }[];

  constructor(keys: readonly ApiKey[]) {
    this.holders = keys.map(({ key, name, ...limits }, index) => {
      return { digest: digestOf(key), client: new Client(name ?? `key ${index + 1}`, limits) };
    });
  }

  /**
   * Who sent a request; undefined where there are no keys. The time taken says nothing about any key: digests of equal
   * length are compared, and always all of them.
   *
   * @throws HttpError 401
   */
  identify(headers: IncomingHttpHeaders): Client | undefined {
    if (this.holders.length === 0) return undefined;
    const given = presentedKey(headers);
    if (given === undefined)
      throw new HttpError(
        401,
        "invalid_api_key",
        "no API key; send it as `Authorization: Bearer KEY` or `x-api-key: KEY`",
      );
    const digest = digestOf(given);
    let found: Client | undefined;
    for (const { digest: expected, client } of this.holders)
      if (timingSafeEqual(digest, expected)) found = client;
    if (!found) throw new HttpError(401, "invalid_api_key", "this API key is not one of this server's");
    return found;
  }
}

function presentedKey(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^Bearer\s+(\S+)\s*$/i.exec(headers.authorization ?? "")?.[1];
  const plain = headers["x-api-key"];
  return bearer ?? (typeof plain === "string" ? plain : undefined);
}

function digestOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}

/** @throws HoneybeeError ERR_OPTION naming what is wrong with it */
export function checkKey(entry: string | ApiKey, index: number): ApiKey {
  const key = typeof entry === "string" ? { key: entry } : entry;
  checkNames(key, NAMES, "API key option");
  if (typeof key.key !== "string" || !/^[\x21-\x7e]+$/.test(key.key))
    throw optionError(`apiKeys[${index}]: a key is a text of visible ASCII characters`);
  for (const name of ["rate", "concurrency", "priority"] as const) checkNumber(name, key[name]);
  return key;
}
