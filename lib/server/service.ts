import type { IncomingMessage, ServerResponse } from "node:http";
import { basename } from "node:path";
import type { Generation } from "../model/generation.js";
import type { Model } from "../model/model.js";
import { Admission } from "./admission.js";
import { type AnswerForm, tellAnswer } from "./answer.js";
import { BodyBudget } from "./body.js";
import { allowOrigin } from "./cors.js";
import { HttpError, openaiError } from "./errors.js";
import { Exchange } from "./exchange.js";
import { ImageSources } from "./images.js";
import { KeyRing } from "./keys.js";
import { type Log, openLog } from "./log.js";
import { Metrics } from "./metrics.js";
import { type CheckedOptions, checkServerOptions, type ServerOptions } from "./options.js";
import { systemTransport, type Transport } from "./remote.js";
import { findRoute, type Route } from "./router.js";
import { ALL_ROUTES, API_ROUTES } from "./routes.js";
import { startSpan } from "./spans.js";

/** How many whole bodies of the largest size may be held at once. */
const BODIES = 4;

/** Everything that requests to one model have in common. */
export class Service {
  readonly options: CheckedOptions;
  readonly modelName: string;
  /** Seconds since 1970. */
  readonly created = Math.floor(Date.now() / 1000);
  readonly metrics: Metrics;
  readonly images: ImageSources;
  readonly log: Log;
  private readonly admission: Admission;
  private readonly keys: KeyRing;
  private readonly bodies: BodyBudget;
  /** Requests that are not over yet. */
  private open = 0;
  private onIdle: (() => void)[] = [];
  /** Set when nothing new is taken on. */
  private draining = false;

  /** @throws HoneybeeError ERR_OPTION */
  constructor(
    readonly model: Model,
    options: ServerOptions,
    transport: Transport = systemTransport,
  ) {
    this.options = checkServerOptions(options);
    const { modelName, maxQueue, maxBodyBytes, apiKeys, log } = this.options;
    this.modelName = modelName ?? (basename(model.info.model) || model.info.model);
    this.admission = new Admission(model.info.maxSequences, maxQueue);
    this.keys = new KeyRing(apiKeys);
    this.bodies = new BodyBudget(BODIES * maxBodyBytes);
    this.metrics = new Metrics(model);
    this.images = new ImageSources(this.options, transport);
    this.log = openLog(log);
  }

  /** Whether a request would be taken on now. */
  get isReady(): boolean {
    return !this.draining && !this.admission.isFull && this.isAlive;
  }

  get isAlive(): boolean {
    return !this.model.isDisposed;
  }

  /** Answers a request; hands it to `next`, if there is one, when no route of ours has its path. */
  async handle(request: IncomingMessage, response: ServerResponse, next?: () => void): Promise<void> {
    const { method = "GET", url = "/" } = request;
    const path = url.split("?", 1)[0]!;
    const found = findRoute(this.options.page ? ALL_ROUTES : API_ROUTES, method, path);
    if (!found && next) {
      next();
      return;
    }
    const { requestTimeout, bodyTimeout, maxBodyBytes } = this.options;
    const limits = { requestTimeout: requestTimeout * 1000, bodyTimeout: bodyTimeout * 1000, maxBodyBytes };
    const exchange = new Exchange(request, response, limits, this.bodies);
    const { route } = found ?? {};
    const name = route?.path ?? "none";
    Object.assign(exchange.facts, { id: exchange.id, method, route: name });
    const { tracer } = this.options;
    const endSpan = tracer && startSpan(tracer, `${method} ${name}`);
    this.open++;
    try {
      if (allowOrigin(this.options.cors, request, response)) response.writeHead(204).end();
      else if (!found) throw new HttpError(404, "not_found", `there is no ${path.slice(0, 100)} here`);
      else if (!route) throw wrongMethod(path, found.methods, response);
      else await this.run(exchange, route, found.parameter);
    } catch (error) {
      const failure = exchange.fail(error, route?.errors ?? openaiError);
      if (failure !== undefined) this.logFailure(exchange, failure);
    } finally {
      exchange.end();
      await this.finish(exchange, name);
      endSpan?.(exchange.facts);
    }
  }

  /**
   * Reads a body, lets `read` make an answer of it, and tells that.
   *
   * @throws HttpError, HoneybeeError
   */
  async answer(exchange: Exchange, read: (body: unknown) => Promise<Answering>): Promise<void> {
    const { generation, form, streams } = await this.begin(exchange, read);
    await tellAnswer(exchange, generation, form, streams, this.metrics);
  }

  /** A call of its own, so that nothing holds the body while the answer is told. */
  private async begin(exchange: Exchange, read: (body: unknown) => Promise<Answering>) {
    this.admission.check();
    const { begin, count, form, streams } = await read(await exchange.json());
    exchange.facts.stream = streams;
    exchange.atEnd(this.admission.enter(count));
    exchange.signal.throwIfAborted();
    return { generation: begin(), form, streams };
  }

  /**
   * Takes a place of the engine for as long as an exchange lasts that asks for no answer.
   *
   * @throws HttpError 429
   */
  takePlace(exchange: Exchange): void {
    this.admission.check();
    exchange.atEnd(this.admission.enter(1));
    exchange.signal.throwIfAborted();
  }

  /** Takes nothing new on; resolves when what runs has ended. */
  drain(): Promise<void> {
    this.draining = true;
    return new Promise((resolve) => {
      if (this.open === 0) resolve();
      else this.onIdle.push(resolve);
    });
  }

  private async run(exchange: Exchange, route: Route, parameter: string | undefined): Promise<void> {
    if (this.draining) exchange.response.setHeader("connection", "close");
    if (!route.open) {
      const client = this.keys.identify(exchange.request.headers);
      if (client) {
        exchange.facts.key = client.name;
        exchange.atEnd(client.enter());
        exchange.client = client;
      }
      if (this.draining)
        throw new HttpError(503, "shutting_down", "this server is about to stop; ask another");
    }
    await route.handle(exchange, this, parameter);
  }

  private async finish(exchange: Exchange, route: string): Promise<void> {
    await exchange.closed;
    // A connection that stays open would keep the server.
    if (this.draining) exchange.request.socket.end();
    const { outcome: status, seconds, facts } = exchange;
    this.metrics.request(route, status, seconds);
    Object.assign(facts, { status, ms: Math.round(seconds * 1000) });
    this.log("info", "request", facts);
    if (--this.open === 0) for (const resolve of this.onIdle.splice(0)) resolve();
  }

  private logFailure({ id }: Exchange, failure: unknown): void {
    const text = failure instanceof Error ? (failure.stack ?? failure.message) : String(failure);
    this.log("error", "failure", { id, error: text });
  }
}

/** An answer that can begin. */
export interface Answering {
  begin(): Generation;
  /** Places of the engine that it takes: `n`, or its beams. */
  count: number;
  form: AnswerForm;
  streams: boolean;
}

function wrongMethod(path: string, methods: readonly string[], response: ServerResponse): HttpError {
  response.setHeader("allow", methods.join(", "));
  return new HttpError(
    405,
    "method_not_allowed",
    `${path.slice(0, 100)} answers ${methods.join(" and ")} only`,
  );
}
