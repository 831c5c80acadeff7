import { SingleBar } from "cli-progress";
import type { FileBatch, FileBatchProgress } from "../batch/file-batch.js";
import type { Notes } from "./terminal.js";

const BAR_MS = 200;
const LINE_MS = 10_000;

/** Shows how far a batch is until it is stopped: a bar on a terminal, else a line every ten seconds. */
export class ProgressView {
  private readonly begin = performance.now();
  private readonly bar: SingleBar | undefined;
  private readonly timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly batch: FileBatch,
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

  private show(): void {
    const progress = this.batch.progress();
    const text = describe(progress, this.seconds());
    if (this.bar) this.bar.update(Math.round(1000 * shareOf(progress)), { text });
    else this.notes.say(text);
  }

  seconds(): number {
    return (performance.now() - this.begin) / 1000;
  }
}

/** Share of the input that is read; lines at work count as done. */
function shareOf({ bytesRead, bytesTotal }: FileBatchProgress): number {
  return bytesTotal > 0 ? Math.min(1, bytesRead / bytesTotal) : 0;
}

/** One line: what is done, how fast, and how long the rest takes. */
export function describe(progress: FileBatchProgress, seconds: number): string {
  const { answered, failed, images, completionTokens } = progress;
  const rate = (count: number) => (count / seconds).toFixed(1);
  const share = shareOf(progress);
  const parts = [
    `${answered} answered`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    `${rate(images)} images/s`,
    `${rate(completionTokens)} tokens/s`,
  ];
  if (share > 0 && share < 1 && answered > 0) parts.push(`${duration((seconds * (1 - share)) / share)} left`);
  return parts.join(", ");
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
