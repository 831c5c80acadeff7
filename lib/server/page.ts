import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { Route } from "./router.js";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

/** A page may load nothing from other hosts, nor be shown inside their pages. */
const POLICY =
  "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

/** A route for each file of a folder, read once; index.html is at `/`. None where the folder is not there. */
export function pageRoutes(folder: string): Route[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => extname(name) in TYPES)
    .map((name) => {
      const text = readFileSync(join(folder, name), "utf8");
      return {
        method: "GET",
        path: name === "index.html" ? "/" : `/${name}`,
        open: true,
        handle(exchange) {
          exchange.response.setHeader("content-security-policy", POLICY);
          exchange.response.setHeader("x-content-type-options", "nosniff");
          exchange.sendText(200, text, TYPES[extname(name)]!);
        },
      };
    });
}
