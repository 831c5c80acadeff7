import type { FileBatchProgress } from "../batch/file-batch.js";
import { duration, type Progress } from "./progress-view.js";

/** Share of the input that is read; lines at work count as done. */
function shareOf({ bytesRead, bytesTotal }: FileBatchProgress): number {
  return bytesTotal > 0 ? Math.min(1, bytesRead / bytesTotal) : 0;
}

/** How far a batch is; in words: what is done, how fast, and how long the rest takes. */
export function progressOf(progress: FileBatchProgress, seconds: number): Progress {
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
  return { share, text: parts.join(", ") };
}
