import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import type { Model } from "../model/model.js";
import { HttpError, openaiError } from "./errors.js";
import type { ServerOptions } from "./options.js";
import { Service } from "./service.js";

export type { ApiKey } from "./keys.js";
export type { LogOption, LogRecord } from "./log.js";
export type { ServerOptions } from "./options.js";
export type { Span, Tracer } from "./spans.js";

/** Milliseconds for the head of a request, and for the next request of a connection. */
const HEADERS_TIMEOUT = 15_000;
const KEEP_ALIVE_TIMEOUT = 65_000;
const CHECK_INTERVAL = 5_000;

/** Answers requests to a model inside a server of someone else's. */
export interface Handler {
  /** A listener of node:http's `request`, and middleware of Express: what is no route of ours goes to `next`. */
  (request: IncomingMessage, response: ServerResponse, next?: () => void): void;
  /** Takes nothing new on, says so at /ready, and resolves when what runs has ended. */
  drain(): Promise<void>;
}

/**
 * What answers OpenAI's and Anthropic's requests to a model. It has to see the request as it came: where a framework reads
 * bodies itself, put it before that, or let it parse JSON into `request.body`.
 *
 * @throws HoneybeeError ERR_OPTION
 */
export function handler(model: Model, options: ServerOptions = {}): Handler {
  const service = new Service(model, options);
  const handle = (request: IncomingMessage, response: ServerResponse, next?: () => void) => {
    void service.handle(request, response, next);
  };
  return Object.assign(handle, { drain: () => service.drain() });
}

/**
 * A server with a model in it. `listen` starts it; `close` takes nothing new on, lets what runs end and then calls back.
 * The model stays the caller's to dispose of.
 *
 * @throws HoneybeeError ERR_OPTION
 */
export function createServer(model: Model, options: ServerOptions = {}): Server {
  const service = new Service(model, options);
  /** Requests under way of each connection; node:http takes connections that never had one for busy. */
  const connections = new Map<Socket, number>();
  const count = (socket: Socket, change: number) => {
    const before = connections.get(socket);
    if (before !== undefined) connections.set(socket, before + change);
  };
  const server = createHttpServer(
    {
      headersTimeout: HEADERS_TIMEOUT,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
      connectionsCheckingInterval: CHECK_INTERVAL,
      // A body has a limit of its own.
      requestTimeout: 0,
    },
    (request, response) => {
      const { socket } = request;
      count(socket, 1);
      response.once("close", () => count(socket, -1));
      void service.handle(request, response);
    },
  );
  server.on("connection", (socket) => {
    connections.set(socket, 0);
    socket.once("close", () => connections.delete(socket));
  });
  server.on("clientError", refuse);
  const close = server.close.bind(server);
  server.close = (callback) => {
    void service.drain();
    for (const [socket, requests] of connections) if (requests === 0) socket.destroy();
    return close(callback);
  };
  return server;
}

/** What is no HTTP, or too slow with its head, is told so in the same form as everything else. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, reason] = statusOf(error.code);
  const body = JSON.stringify(openaiError(new HttpError(status, "invalid_request", reason)));
  const head = `HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Type: application/json\r\n`;
  socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

function statusOf(code: string | undefined): [number, string] {
  if (code === "HPE_HEADER_OVERFLOW") return [431, "Request Header Fields Too Large"];
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return [408, "Request Timeout"];
  return [400, "Bad Request"];
}
