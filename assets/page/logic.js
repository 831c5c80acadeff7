// What the page works out, without a document: it also runs in Node.

/** Splits a stream of server-sent events into the data of each; pieces may end anywhere. */
export class EventReader {
  #rest = "";

  /** @returns {string[]} the data of the events that are complete now */
  read(text) {
    const events = (this.#rest + text).split(/\r?\n\r?\n/);
    this.#rest = events.pop();
    return events.map(dataOf).filter((data) => data !== "");
  }
}

function dataOf(event) {
  const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  return lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
}

/** A body of POST v1/chat/completions. Fields that are left empty are not sent: the model has its own defaults. */
export function chatBody(messages, settings) {
  const { system = "" } = settings;
  const number = (text) => (text === undefined || text === "" ? undefined : Number(text));
  return {
    messages: [
      ...(system.trim() ? [{ role: "system", content: system }] : []),
      ...messages
        .filter(isTold)
        .map(({ role, text, pictures = [] }) => ({ role, content: contentOf(text, pictures) })),
    ],
    stream: true,
    stream_options: { include_usage: true },
    temperature: number(settings.temperature),
    max_tokens: number(settings.maxTokens),
    seed: number(settings.seed),
  };
}

/** An answer that failed before its first word is none. */
function isTold({ role, text }) {
  return role === "user" || text !== "";
}

function contentOf(text, pictures) {
  if (pictures.length === 0) return text;
  return [
    ...pictures.map((url) => ({ type: "image_url", image_url: { url } })),
    ...(text ? [{ type: "text", text }] : []),
  ];
}

/** What a person should know of a refusal. */
export function refusal(status, body, retryAfter) {
  const message = body?.error?.message ?? "the server gave no reason";
  if (status === 401) return `This server asks for an API key: ${message}.`;
  if (status === 429) {
    const when = retryAfter ? `Try again in ${retryAfter} s` : "Try again soon";
    return `The server is busy. ${when}. (${message})`;
  }
  if (status === 413) return `The message is too large for this server: ${message}.`;
  if (status === 503) return `The server takes nothing on at the moment: ${message}.`;
  return `The server refused (${status}): ${message}.`;
}

/** The values of Prometheus' text format by name with labels. */
export function readMetrics(text) {
  const values = new Map();
  for (const line of text.split("\n")) {
    const match = /^([^#\s{]+(?:\{.*\})?) (\S+)/.exec(line);
    if (match) values.set(match[1], Number(match[2]));
  }
  return values;
}

/**
 * The live strip's words.
 *
 * @param now, before values of `readMetrics`
 * @param seconds between them
 */
export function stripText(now, before, seconds) {
  const count = (name, values = now) => values.get(`honeybee_${name}`) ?? 0;
  const memory = count('device_memory_bytes{use="weights"}') + count('device_memory_bytes{use="kv_cache"}');
  const parts = [`${count("requests_running")} running`, `${count("requests_waiting")} waiting`];
  if (before) {
    const made = count("generated_tokens_total") - count("generated_tokens_total", before);
    parts.push(`${(Math.max(0, made) / seconds).toFixed(made > 0 ? 1 : 0)} tokens/s`);
  }
  parts.push(memory >= 1e9 ? `${(memory / 1e9).toFixed(1)} GB` : `${(memory / 1e6).toFixed(0)} MB`);
  return parts.join(" · ");
}

/** Where points [x, y, weight] lie on average. */
export function middle(points) {
  const sum = points.reduce((all, [, , weight]) => all + weight, 0);
  return [0, 1].map((axis) => points.reduce((all, point) => all + point[axis] * point[2], 0) / sum);
}
