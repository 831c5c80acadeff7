import { HttpError } from "./errors.js";
import type { Exchange } from "./exchange.js";
import type { Service } from "./service.js";

/** GET /health: whether the process should live on. */
export function health(exchange: Exchange, { isAlive }: Service): void {
  exchange.send(isAlive ? 200 : 503, { status: isAlive ? "ok" : "disposed" });
}

/** GET /ready: whether another request would be taken on. */
export function ready(exchange: Exchange, { isReady }: Service): void {
  exchange.send(isReady ? 200 : 503, { status: isReady ? "ready" : "not ready" });
}

/** GET /metrics: Prometheus' text format. */
export async function metrics(
  exchange: Exchange,
  { metrics: { registry }, isAlive }: Service,
): Promise<void> {
  if (!isAlive) throw new HttpError(503, "ERR_DISPOSED", "the model has been disposed");
  exchange.sendText(200, await registry.metrics(), registry.contentType);
}
