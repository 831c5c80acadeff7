/** An event of a stream: a name where the API has names, and its data. */
export interface StreamEvent {
  event?: string;
  data: object | string;
}

/** As it goes over the wire (HTML standard, server-sent events). */
export function encodeEvents(events: readonly StreamEvent[]): string {
  let text = "";
  for (const { event, data } of events) {
    if (event !== undefined) text += `event: ${event}\n`;
    text += `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
  }
  return text;
}
