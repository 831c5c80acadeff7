// What the page asks the server. Addresses are relative, so that the server may live below a path.
import { EventReader, refusal } from "./logic.js";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function headers(key) {
  return key ? { authorization: `Bearer ${key}` } : {};
}

async function accepted(response) {
  if (response.ok) return response;
  const body = await response.json().catch(() => undefined);
  throw new Refused(response.status, refusal(response.status, body, response.headers.get("retry-after")));
}

/** The model's entry of v1/models. */
export async function fetchModel(key) {
  const response = await accepted(await fetch("v1/models", { headers: headers(key) }));
  return (await response.json()).data[0];
}

export async function fetchMetrics() {
  return (await accepted(await fetch("metrics"))).text();
}

/** Where each visual token looks at a picture: a list of [x, y, weight] for each. */
export async function fetchSamples(image, key) {
  const response = await accepted(
    await fetch("sampling_points", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers(key) },
      body: JSON.stringify({ image }),
    }),
  );
  return (await response.json()).points;
}

/**
 * Yields the chunks of an answer as they come.
 *
 * @throws Refused; AbortError
 */
export async function* streamChat(body, { key, signal }) {
  const response = await accepted(
    await fetch("v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers(key) },
      body: JSON.stringify(body),
      signal,
    }),
  );
  const events = new EventReader();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    for (const data of events.read(part.value)) {
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new Refused(500, refusal(500, chunk));
      yield chunk;
    }
  }
  throw new Refused(0, "The connection ended before the answer did.");
}
