// What the timeline works out, without a document: it also runs in Node. A slice is [what, start, end] in nanoseconds.

/** Nanoseconds that a view spans at least. */
const LEAST_SPAN = 50;

/** The view that shows all tracks. */
export function fit(tracks) {
  const slices = tracks.flatMap((track) => track.slices);
  const from = slices.reduce((least, [, start]) => Math.min(least, start), slices[0]?.[1] ?? 0);
  const to = slices.reduce((most, [, , end]) => Math.max(most, end), from + LEAST_SPAN);
  return { from, to };
}

/**
 * A view wider by `factor` around the place that is `at` of its width, moved back inside `all`.
 *
 * @param at 0 is its left edge, 1 its right
 */
export function zoomed({ from, to }, factor, at, all) {
  const span = Math.min(Math.max((to - from) * factor, LEAST_SPAN), all.to - all.from);
  const place = from + (to - from) * at;
  const start = Math.min(Math.max(place - span * at, all.from), all.to - span);
  return { from: start, to: start + span };
}

/** Where the first slice stands that ends after `ns`; of slices in order that do not overlap. */
export function firstEndingAfter(slices, ns) {
  let [low, high] = [0, slices.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (slices[middle][2] <= ns) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The next larger of 1, 2, 5, 10, 20, 50 … nanoseconds. */
export function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return power * ([1, 2, 5].find((each) => each * power >= least) ?? 10);
}

/** A place on the axis, with as many digits as steps of `step` need; on the simulator in instructions. */
export function timeText(ns, step, clock) {
  if (clock === "none") return `${Math.round(ns).toLocaleString("en-US")} instr.`;
  if (step >= 1e8) return `${(ns / 1e9).toFixed(1)} s`;
  return `${(ns / 1e6).toFixed(Math.max(0, 6 - Math.floor(Math.log10(step))))} ms`;
}

/** An operation or a gap in one sentence. */
export function detailOf(kind, entry, [, start, end], roofs) {
  const { name, stage, layer, step, shape, durationMs, bytes, flops, dtype, counts } = entry;
  const ms = (value) => `${value.toFixed(value < 1 ? 4 : 3)} ms`;
  if (kind === "gap") return `Gap: ${name}, step ${step}, ${ms(durationMs)} at ${ms(start / 1e6)}.`;
  const where = layer === null ? `${stage}, step ${step}` : `${stage}, layer ${layer}, step ${step}`;
  if (durationMs === null) {
    const number = (value) => value.toLocaleString("en-US");
    const counted = counts
      ? `${number(counts.instructions)} instructions, ${number(counts.bytes)} bytes, ${number(counts.bankConflicts)} bank conflicts`
      : "nothing counted";
    return `${name} (${where}), ${shape}: ${counted}.`;
  }
  const seconds = (end - start) / 1e9;
  const rates =
    seconds > 0
      ? `; ${(bytes / 1e9 / seconds).toFixed(1)} GB/s, ${(flops / 1e9 / seconds).toFixed(1)} GFLOP/s`
      : "";
  const least = roofs
    ? Math.max(bytes / roofs.bytesPerSecond, flops / (roofs.flopsPerSecond[dtype] ?? Infinity))
    : 0;
  const share = least > 0 && seconds > 0 ? `, ${((100 * least) / seconds).toFixed(0)} % of the roofline` : "";
  return `${name} (${where}), ${shape}: ${ms(durationMs)} at ${ms(start / 1e6)}${rates}${share}.`;
}
