import { HoneybeeError } from "../errors.js";
import type { Chunk, Generation, GenerationResult } from "../model/generation.js";
import type { Exchange } from "./exchange.js";
import type { Metrics } from "./metrics.js";
import { encodeEvents, type StreamEvent } from "./sse.js";

/** How an API tells an answer. */
export interface AnswerForm {
  /** The body of an answer that is told at once. */
  whole(result: GenerationResult): object;
  /** The events of one that is told as it comes. */
  start(): StreamEvent[];
  piece(chunk: Chunk): StreamEvent[];
  end(result: GenerationResult): StreamEvent[];
}

/**
 * Tells an answer to who asked for it, whole or as a stream. A stream begins with its first token, so that whatever goes
 * wrong before has a status of its own. When the client goes away or the time is over, the exchange's signal stops the work.
 *
 * @throws what the generation fails of
 */
export async function tellAnswer(
  exchange: Exchange,
  generation: Generation,
  form: AnswerForm,
  streams: boolean,
  metrics: Metrics,
): Promise<void> {
  let started = false;
  const tell = async (next: () => StreamEvent[]) => {
    const events: StreamEvent[] = [];
    if (!started) {
      started = true;
      exchange.startEvents();
      events.push(...form.start());
    }
    events.push(...next());
    if (events.length > 0) await exchange.write(encodeEvents(events));
  };
  /** When each of the `n` answers had its latest token. */
  const latest: number[] = [];
  for await (const chunk of generation) {
    exchange.releaseBody();
    if (chunk.tokens.length > 0) measure(chunk, latest, exchange, metrics);
    if (streams) await tell(() => form.piece(chunk));
  }
  const result = await generation.result;
  record(exchange, result);
  metrics.answered(result);
  if (result.finishReason === "abort")
    throw new HoneybeeError("ERR_DISPOSED", "the model was disposed before the answer was complete");
  if (!streams) {
    exchange.send(200, form.whole(result));
    return;
  }
  await tell(() => form.end(result));
  exchange.response.end();
}

function measure({ index }: Chunk, latest: number[], exchange: Exchange, metrics: Metrics): void {
  const now = performance.now();
  const before = latest[index];
  if (before !== undefined) metrics.next((now - before) / 1000);
  else if (latest.length === 0) {
    metrics.first(exchange.seconds);
    exchange.facts.firstTokenMs = Math.round(exchange.seconds * 1000);
  }
  latest[index] = now;
}

function record({ facts }: Exchange, { usage, finishReason, choices }: GenerationResult): void {
  Object.assign(facts, usage, { finishReason });
  if (choices.length > 1) facts.choices = choices.length;
}
