import { basename } from "node:path";

/**
 * The step that a line of a build tool reports: "[3/40] Building CUDA object …/norm.cu.o" of ninja, or
 * "[ 7%] Building …" of make.
 *
 * @param {string} line
 * @returns {{position: string, action: "Building" | "Linking", file: string} | undefined} position "3 of 40" or
 *   "7 %"; undefined for every other line
 */
export function buildStep(line) {
  const step = /^\[\s*(?:(\d+)\/(\d+)|(\d+)%)\] (Building|Linking) .*?([^/\s]+?)(?:\.o)?$/.exec(line);
  if (!step) return undefined;
  const [, index, count, percent, action, file] = step;
  return { position: index ? `${index} of ${count}` : `${percent} %`, action, file: basename(file) };
}

/** What a failed build said, without the lines of its steps. */
export const withoutSteps = (output) =>
  output
    .split("\n")
    .filter((line) => !/^\[\s*\d+(\/\d+|%)\]/.test(line))
    .join("\n")
    .trim();
