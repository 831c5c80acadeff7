import { mkdirSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";

const ROWS = 12;
const COLUMNS = 4;

/** Contact sheets of all drawings, each name with its styles and their dominant colours, to be looked at. */
export async function contactSheets(folder, names, drawings, colors, cell) {
  mkdirSync(folder, { recursive: true });
  const styles = Object.values(drawings);
  const width = COLUMNS * styles.length * cell;
  const high = cell + 14;
  const perSheet = ROWS * COLUMNS;
  for (let first = 0; first < names.length; first += perSheet) {
    const layers = [];
    for (let k = 0; k < Math.min(perSheet, names.length - first); k++) {
      const left = (k % COLUMNS) * styles.length * cell;
      const top = Math.floor(k / COLUMNS) * high;
      for (const [s, cells] of styles.entries()) {
        const raw = { width: cell, height: cell, channels: 4 };
        layers.push({ input: cells[first + k], raw, left: left + s * cell, top: top + 14 });
      }
      const shades = colors[first + k].map((color) => color ?? "-").join(" ");
      const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${styles.length * cell}" height="14"><text x="2" y="11" font-size="11" font-family="sans-serif">${names[first + k].name}: ${shades}</text></svg>`;
      layers.push({ input: Buffer.from(text), left, top });
    }
    const canvas = { width, height: ROWS * high, channels: 3, background: "#c8d0c8" };
    const file = join(folder, `contact-${String(first / perSheet).padStart(2, "0")}.png`);
    await sharp({ create: canvas }).composite(layers).png().toFile(file);
  }
}
