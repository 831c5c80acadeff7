/** The part of an OpenTelemetry span that is used here. */
export interface Span {
  setAttributes(attributes: Record<string, string | number | boolean>): unknown;
  setStatus(status: { code: number }): unknown;
  end(): void;
}

/** An OpenTelemetry tracer, such as `trace.getTracer("honeybee")` of @opentelemetry/api. */
export interface Tracer {
  startSpan(name: string, options: { kind: number }): Span;
}

/** SpanKind.SERVER and SpanStatusCode.ERROR of OpenTelemetry's API. */
const SERVER = 1;
const ERROR = 2;

/** Names of OpenTelemetry's semantic conventions for what the log knows. */
const ATTRIBUTES: Record<string, string> = {
  id: "http.request.header.x-request-id",
  method: "http.request.method",
  route: "http.route",
  status: "http.response.status_code",
  error: "error.type",
  promptTokens: "gen_ai.usage.input_tokens",
  completionTokens: "gen_ai.usage.output_tokens",
  cachedTokens: "honeybee.cached_tokens",
  imageTokens: "honeybee.image_tokens",
  firstTokenMs: "honeybee.first_token_ms",
};

/** A span of one request; the returned function ends it with what the log says of it. */
export function startSpan(tracer: Tracer, name: string): (facts: Record<string, unknown>) => void {
  const span = tracer.startSpan(name, { kind: SERVER });
  return (facts) => {
    const attributes: Record<string, string | number | boolean> = {};
    for (const [fact, attribute] of Object.entries(ATTRIBUTES)) {
      const value = facts[fact];
      if (typeof value === "string" || typeof value === "number") attributes[attribute] = value;
    }
    span.setAttributes(attributes);
    if (Number(facts.status) >= 500) span.setStatus({ code: ERROR });
    span.end();
  };
}
