import { Interrupted } from "./terminal.js";

/** The first signal asks for an end, the second demands it; while nobody waits to be asked the first does that too. */
export function stopSignal(): { asked: Promise<NodeJS.Signals>; now: AbortSignal } {
  const controller = new AbortController();
  let awaited = false;
  let ask: (signal: NodeJS.Signals) => void;
  const asked = new Promise<NodeJS.Signals>((resolve) => {
    ask = resolve;
  });
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    if (++signals > 1 || !awaited) controller.abort(new Interrupted());
    ask(signal);
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  return {
    get asked() {
      awaited = true;
      return asked;
    },
    now: controller.signal,
  };
}
