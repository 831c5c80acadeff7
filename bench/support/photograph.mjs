import { loadSharp } from "../../dist/lib/image/sharp.js";

export const WIDTH = 640;
export const HEIGHT = 480;

/** Numbers from -1 to 1, the same in every run. */
function* noise(seed) {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 31 - 1;
  }
}

/**
 * A JPEG of octaves of noise, the finer the weaker and grayer: what an encoder sees of it is like a photograph.
 *
 * @returns {Promise<Buffer>} the same for the same seed
 */
export async function photograph(seed) {
  const sharp = await loadSharp();
  const sums = new Float32Array(WIDTH * HEIGHT * 3).fill(128);
  const random = noise(seed);
  for (let cells = 4, strength = 60; cells <= WIDTH; cells *= 2, strength *= 0.65) {
    const [width, height] = [cells, (cells * 3) / 4];
    const grid = Buffer.alloc(width * height * 3);
    for (let i = 0; i < grid.length; i += 3) {
      const gray = random.next().value;
      for (let c = 0; c < 3; c++) grid[i + c] = 128 + 127 * (0.8 * gray + 0.2 * random.next().value);
    }
    const octave = await sharp(grid, { raw: { width, height, channels: 3 } })
      .resize(WIDTH, HEIGHT, { fit: "fill", kernel: "cubic" })
      .raw()
      .toBuffer();
    octave.forEach((value, i) => {
      sums[i] += (strength * (value - 128)) / 64;
    });
  }
  return sharp(Uint8ClampedArray.from(sums), { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}
