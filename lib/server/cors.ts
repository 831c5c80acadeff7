import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * Tells a browser whether a page of its origin may read the answer (Fetch standard, CORS).
 *
 * @returns whether the request only asked that
 */
export function allowOrigin(
  allowed: readonly string[],
  { method, headers }: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { origin } = headers;
  if (origin === undefined || allowed.length === 0) return false;
  response.setHeader("vary", "Origin");
  if (!allowed.includes("*") && !allowed.includes(origin)) return false;
  response.setHeader("access-control-allow-origin", allowed.includes("*") ? "*" : origin);
  response.setHeader("access-control-expose-headers", "x-request-id, retry-after");
  if (method !== "OPTIONS" || headers["access-control-request-method"] === undefined) return false;
  response.setHeader("access-control-allow-methods", "GET, POST");
  // Clients of OpenAI and Anthropic send headers of their own.
  response.setHeader("access-control-allow-headers", headers["access-control-request-headers"] ?? "");
  response.setHeader("access-control-max-age", "600");
  return true;
}
