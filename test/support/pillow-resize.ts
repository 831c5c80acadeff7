/** Pixels and their size: [height, width, 3] bytes. */
export interface Picture {
  data: Uint8Array;
  width: number;
  height: number;
}

function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

/** For each output: its first input and the weights from there on, in units of 2^-22. */
function weightsOf(inputs: number, outputs: number): { first: number; weights: number[] }[] {
  const scale = inputs / outputs;
  const stretch = Math.max(scale, 1);
  return Array.from({ length: outputs }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - 2 * stretch + 0.5));
    const end = Math.min(inputs, Math.trunc(center + 2 * stretch + 0.5));
    const raw = Array.from({ length: end - first }, (_, t) =>
      cubic((first + t - center + 0.5) * (1 / stretch)),
    );
    const sum = raw.reduce((a, b) => a + b, 0);
    return { first, weights: raw.map((w) => Math.trunc((w / sum) * 2 ** 22 + (w < 0 ? -0.5 : 0.5))) };
  });
}

/** Lines of values, `step` apart in memory, from the given starts on. */
interface Lines {
  bytes: Uint8Array;
  starts: number[];
  step: number;
}

function pass(from: Lines, inputs: number, to: Lines, outputs: number): void {
  const table = weightsOf(inputs, outputs);
  from.starts.forEach((start, line) => {
    table.forEach(({ first, weights }, i) => {
      let sum = 2 ** 21;
      for (let t = 0; t < weights.length; t++)
        sum += weights[t]! * from.bytes[start + (first + t) * from.step]!;
      to.bytes[to.starts[line]! + i * to.step] = Math.max(0, Math.min(255, Math.floor(sum / 2 ** 22)));
    });
  });
}

/**
 * Pillow's bicubic resize of RGB bytes in plain loops, after its description: two separable passes, horizontal first,
 * each rounded to bytes; the oracle of the native one.
 */
export function resizeInLoops(
  { data, width, height }: Picture,
  outWidth: number,
  outHeight: number,
): Uint8Array {
  let rows = data;
  if (outWidth !== width) {
    rows = new Uint8Array(outWidth * height * 3);
    const starts = (columns: number) =>
      Array.from({ length: height * 3 }, (_, i) => Math.floor(i / 3) * columns * 3 + (i % 3));
    pass(
      { bytes: data, starts: starts(width), step: 3 },
      width,
      { bytes: rows, starts: starts(outWidth), step: 3 },
      outWidth,
    );
  }
  if (outHeight === height) return rows;
  const out = new Uint8Array(outWidth * outHeight * 3);
  const step = outWidth * 3;
  const starts = Array.from({ length: step }, (_, x) => x);
  pass({ bytes: rows, starts, step }, height, { bytes: out, starts, step }, outHeight);
  return out;
}

/** The rectangle of a picture from (left, top) on. */
export function crop(picture: Picture, left: number, top: number, width: number, height: number): Uint8Array {
  const out = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * picture.width + left) * 3;
    out.set(picture.data.subarray(from, from + width * 3), y * width * 3);
  }
  return out;
}
