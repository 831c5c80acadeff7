import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Model } from "../../lib/index.js";
import { createServer, type ServerOptions } from "../../lib/server/index.js";
import { goldenCase } from "./golden-model.js";

/** A server on a free port of 127.0.0.1. */
export interface TestServer {
  server: Server;
  port: number;
  url: string;
  /** Sends JSON; `status`, `headers`, and the body as JSON or, of a stream, as text. */
  post(path: string, body: unknown, init?: RequestInit): Promise<Answer>;
  get(path: string, init?: RequestInit): Promise<Answer>;
  close(): Promise<void>;
}

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
  body: any;
}

export async function serve(model: Model, options: ServerOptions = {}): Promise<TestServer> {
  return listening(createServer(model, options));
}

export async function listening(server: Server): Promise<TestServer> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const ask = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, init);
    const text = await response.text();
    const isJson = /^application\/json/.test(response.headers.get("content-type") ?? "");
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };
  return {
    server,
    port,
    url,
    post: (path, body, init = {}) =>
      ask(path, {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        ...init,
        headers: { "content-type": "application/json", ...init.headers },
      }),
    get: (path, init = {}) => ask(path, init),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The data of a stream's events, parsed; "[DONE]" as it is. */
// biome-ignore lint/suspicious/noExplicitAny: events are looked at field by field
export function eventsOf(text: string): any[] {
  return text
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => /^data: (.*)$/m.exec(event)![1]!)
    .map((data) => (data === "[DONE]" ? data : JSON.parse(data)));
}

/** The picture of a golden case as a data: URL. */
export function goldenDataUrl(name = "cabs-new"): string {
  return `data:image/png;base64,${readFileSync(goldenCase(name).images![0]!, "base64")}`;
}

/** Waits until it is true; the test's own time limit ends what never is. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}
