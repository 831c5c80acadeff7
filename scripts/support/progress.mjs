/**
 * Progress on stderr: on a terminal one line that is rewritten, elsewhere only the finished steps.
 */
const terminal = process.stderr.isTTY && process.env.CI !== "true";

/** Replaces the current progress line; does nothing where there is no terminal. */
export function showProgress(text) {
  if (!terminal) return;
  const width = (process.stderr.columns || 80) - 1;
  process.stderr.write(`\r\x1b[2K${text.length > width ? `${text.slice(0, width - 1)}…` : text}`);
}

/** Removes the progress line, so that something lasting can be printed. */
export function clearProgress() {
  if (terminal) process.stderr.write("\r\x1b[2K");
}

/** Prints a lasting line in place of the progress line. */
export function note(text) {
  clearProgress();
  process.stderr.write(`${text}\n`);
}

/** "0.4 s" or "2 min 05 s" since a `performance.now()` reading. */
export function since(start) {
  const seconds = (performance.now() - start) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}
