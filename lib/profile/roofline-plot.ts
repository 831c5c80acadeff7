import { byOperation, groupOps } from "./groups.js";
import { escaped } from "./html.js";
import type { Profile, ProfileRoofs } from "./types.js";
import { byteRate, flopRate, rooflineText, roofText } from "./units.js";

const WIDTH = 520;
const HEIGHT = 360;
const EDGE = { left: 58, right: 46, top: 16, bottom: 44 };
const LARGEST_DOT = 13;

/** Where a number stands along an axis of powers of ten. */
interface Axis {
  least: number;
  most: number;
  place(value: number): number;
}

/**
 * An SVG of the roofline model: operations a byte to the right, operations a second upwards, both logarithmic. Each
 * operation of the profile is a dot with its number in the table, the larger the more time it takes.
 */
export function rooflinePlot(profile: Profile): string {
  const { roofs } = profile;
  const dots = groupOps(profile, byOperation)
    .map((group, i) => ({ ...group, number: i + 1, intensity: group.flops / group.bytes }))
    .filter(
      ({ intensity, gigaflopsPerSecond }) => intensity > 0 && intensity < Infinity && gigaflopsPerSecond,
    );
  if (!roofs || dots.length === 0) return "<p>No roofs or no products were measured.</p>";

  const ridges = Object.values(roofs.flopsPerSecond).map((rate) => rate / roofs.bytesPerSecond);
  const x = axis([...dots.map(({ intensity }) => intensity), ...ridges], EDGE.left, WIDTH - EDGE.right);
  const y = axis(
    [...dots.map(({ gigaflopsPerSecond }) => gigaflopsPerSecond!), ...gigaflops(roofs)],
    ...([HEIGHT - EDGE.bottom, EDGE.top] as const),
  );
  const longest = Math.max(...dots.map(({ ms }) => ms!));
  const circles = dots.map(({ keys, number, intensity, gigaflopsPerSecond, ms, rooflineShare, roof }) => {
    const [cx, cy] = [x.place(intensity), y.place(gigaflopsPerSecond!)];
    const r = Math.max(3.5, LARGEST_DOT * Math.sqrt(ms! / longest));
    const told =
      `${number}: ${keys[0]} (${keys[1]}), ${ms!.toFixed(3)} ms, ${flopRate(gigaflopsPerSecond!)}, ` +
      `${intensity.toPrecision(3)} FLOP/byte, ${rooflineText(rooflineShare, roof)} of the roofline`;
    return (
      `<g class="${escaped(keys[1]!)}"><title>${escaped(told)}</title>` +
      `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="${r.toFixed(1)}"/>` +
      `<text x="${(cx + r + 2).toFixed(1)}" y="${(cy + 4).toFixed(1)}">${number}</text></g>`
    );
  });
  return (
    `<figure><svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Roofline plot: ${dots.length} operations; the table By operation has their numbers">` +
    [...gridLines(x, y), ...roofLines(roofs, x, y), ...circles].join("\n") +
    "</svg><figcaption>Numbers are those of the table by operation; the area of a dot is its time. Operations that " +
    `multiply nothing have no dot. Roofs: ${escaped(roofText(roofs))}.</figcaption></figure>`
  );
}

const gigaflops = ({ flopsPerSecond }: ProfileRoofs) =>
  Object.values(flopsPerSecond).map((rate) => rate / 1e9);

/** From the power of ten below all values to the one above. */
function axis(values: readonly number[], from: number, to: number): Axis {
  const least = Math.floor(Math.log10(Math.min(...values)) - 0.05);
  const most = Math.max(least + 1, Math.ceil(Math.log10(Math.max(...values)) + 0.05));
  return {
    least,
    most,
    place: (value) => from + ((Math.log10(value) - least) / (most - least)) * (to - from),
  };
}

function gridLines(x: Axis, y: Axis): string[] {
  const [left, right, top, bottom] = [EDGE.left, WIDTH - EDGE.right, EDGE.top, HEIGHT - EDGE.bottom];
  const powers = ({ least, most }: Axis) => Array.from({ length: most - least + 1 }, (_, i) => least + i);
  return [
    ...powers(x).flatMap((power) => {
      const at = x.place(10 ** power).toFixed(1);
      return [
        `<path class="grid" d="M${at} ${top}V${bottom}"/>`,
        `<text class="axis" x="${at}" y="${bottom + 17}" text-anchor="middle">${powerText(power)}</text>`,
      ];
    }),
    ...powers(y).flatMap((power) => {
      const at = y.place(10 ** power);
      return [
        `<path class="grid" d="M${left} ${at.toFixed(1)}H${right}"/>`,
        `<text class="axis" x="${left - 6}" y="${(at + 4).toFixed(1)}" text-anchor="end">${powerText(power)}</text>`,
      ];
    }),
    `<text class="axis" x="${(left + right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">FLOP/byte</text>`,
    `<text class="axis" transform="translate(13 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">GFLOP/s</text>`,
  ];
}

const powerText = (power: number) =>
  Math.abs(power) > 4 ? `1e${power}` : `${Number((10 ** power).toPrecision(1))}`;

/** The memory roof up to the highest product, and each product's roof from there. */
function roofLines(roofs: ProfileRoofs, x: Axis, y: Axis): string[] {
  const gigabytes = roofs.bytesPerSecond / 1e9;
  // The slope is 1 in powers of ten: it enters at the left or at the bottom.
  const start = Math.max(10 ** x.least, 10 ** y.least / gigabytes);
  const highest = Math.max(...gigaflops(roofs));
  const point = (intensity: number, rate: number) =>
    `${x.place(intensity).toFixed(1)} ${y.place(rate).toFixed(1)}`;
  let lastLabel = Number.POSITIVE_INFINITY;
  const products = Object.entries(roofs.flopsPerSecond).sort(([, a], [, b]) => a - b);
  const lines = products.map(([dtype, flops]) => {
    const rate = flops / 1e9;
    // Roofs may lie close together, their names must not.
    lastLabel = Math.min(y.place(rate) + 4, lastLabel - 13);
    const label = `<text x="${WIDTH - EDGE.right + 5}" y="${lastLabel.toFixed(1)}">${escaped(dtype)}</text>`;
    return `<path class="roof" d="M${point(rate / gigabytes, rate)}L${point(10 ** x.most, rate)}"/>${label}`;
  });
  const memory = `<path class="roof" d="M${point(start, start * gigabytes)}L${point(highest / gigabytes, highest)}"/>`;
  const [left, below] = [x.place(start) + 16, y.place(start * gigabytes) + 3];
  const label = `<text x="${left.toFixed(1)}" y="${below.toFixed(1)}">${byteRate(gigabytes)}</text>`;
  return [memory, label, ...lines];
}
