import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Exchange } from "./exchange.js";
import type { Route } from "./router.js";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

/** A page may load nothing from other hosts, run nothing that is written inside it, nor be shown inside their pages. */
const POLICY =
  "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/** A route for each file of a folder, read once; index.html is at `/`, others below `/page/`. None without the folder. */
export function pageRoutes(folder: string): Route[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => extname(name) in TYPES)
    .map((name) => {
      const file = new PageFile(readFileSync(join(folder, name)), TYPES[extname(name)]!);
      return {
        method: "GET",
        path: name === "index.html" ? "/" : `/page/${name}`,
        open: true,
        handle: (exchange) => {
          if (name !== "index.html" || !goInside(exchange)) file.send(exchange);
        },
      };
    });
}

/**
 * Below a path of another server, such as Express's `app.use("/ai", …)`, the page may be asked for without the slash that its
 * files are found behind: then the browser is sent there, and told so by true.
 */
function goInside({ request, response }: Exchange): boolean {
  const { originalUrl } = request as { originalUrl?: string };
  const [path = "/", query] = (originalUrl ?? "/").split("?", 2);
  if (path.endsWith("/")) return false;
  // Relative and marked as a path, so that it leads to no other host whatever was asked for.
  const last = path.slice(path.lastIndexOf("/") + 1);
  const location = `./${last}/${query === undefined ? "" : `?${query}`}`;
  response.writeHead(308, { location, "content-length": 0 }).end();
  return true;
}

class PageFile {
  private readonly tag: string;
  private readonly packed: Buffer;

  constructor(
    private readonly bytes: Buffer,
    private readonly type: string,
  ) {
    // Weak, for it is the same packed and not.
    this.tag = `W/"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
    this.packed = gzipSync(bytes);
  }

  send({ request, response }: Exchange): void {
    const { "if-none-match": known = "", "accept-encoding": encodings = "" } = request.headers;
    const headers = {
      etag: this.tag,
      // Asked for each time, and sent only when it changed.
      "cache-control": "no-cache",
      "content-security-policy": POLICY,
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      vary: "accept-encoding",
    };
    if (known.split(/\s*,\s*/).includes(this.tag)) {
      response.writeHead(304, headers).end();
      return;
    }
    const isPacked = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(String(encodings));
    const body = isPacked ? this.packed : this.bytes;
    response.writeHead(200, {
      ...headers,
      "content-type": this.type,
      "content-length": body.length,
      ...(isPacked && { "content-encoding": "gzip" }),
    });
    response.end(body);
  }
}
