import { SingleBar } from "cli-progress";
import type { Notes } from "./terminal.js";

/** How often the bar is drawn, and how often a line is written where no terminal is. */
const BAR_MS = 200;
const LINE_MS = 10_000;

/** How far something is: the share that is done, from 0 to 1, and the same in words. */
export interface Progress {
  share: number;
  text: string;
}

/** Shows progress until it is stopped: a bar on a terminal, else a line every ten seconds. */
export class ProgressView {
  private readonly begin = performance.now();
  private readonly bar: SingleBar | undefined;
  private readonly timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly progress: (seconds: number) => Progress,
    private readonly notes: Notes,
  ) {
    if (notes.quiet) return;
    if (process.stderr.isTTY) {
      this.bar = new SingleBar({
        format: "{bar} {percentage}%  {text}",
        stream: process.stderr,
        clearOnComplete: true,
      });
      this.bar.start(1000, 0, { text: "" });
    }
    this.timer = setInterval(() => this.show(), this.bar ? BAR_MS : LINE_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.bar?.stop();
  }

  /** Since it began. */
  seconds(): number {
    return (performance.now() - this.begin) / 1000;
  }

  private show(): void {
    const { share, text } = this.progress(this.seconds());
    if (this.bar) this.bar.update(Math.round(1000 * share), { text });
    else this.notes.say(text);
  }
}

/** A time that something takes, in words. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
