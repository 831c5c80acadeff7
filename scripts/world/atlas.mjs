/**
 * Draws the atlas of the demo model's world, assets/world/: needed only when its list of names changes.
 *
 *   node scripts/world/atlas.mjs [--packages FOLDER] [--sheets FOLDER]
 *
 * The sets of drawings are no dependencies: they are installed by pinned version into a temporary folder, or taken
 * from FOLDER/node_modules. --sheets writes contact sheets to look at, one name a row.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { main, root, runOrThrow, ScriptError } from "../support/process.mjs";
import { dominantColor } from "./colors.mjs";
import { contactSheets } from "./contact.mjs";
import { advance, FONTS, LETTERS, letterSvg } from "./letters.mjs";
import { SHAPE_NAMES, shapeSvg } from "./shapes.mjs";

const PACKAGES = ["fluentui-emoji@1.3.0", "@svgmoji/noto@3.2.0", "@twemoji/svg@15.0.0"];
const CELL = 64;
const MARGIN = 1;
const COLUMNS = 20;
const UNSEEN_STYLE = "twemoji";
/** Pixels that a drawing is rendered at before it is trimmed and shrunk to the cell. */
const RENDERED = 256;

/** @returns {{name: string, plural: string, category: string, emoji: string, fluent: string}[]} */
function readNames() {
  const lines = readFileSync(join(root, "scripts/world/names.txt"), "utf8").split("\n");
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [word, emoji, category, ...rest] = line.split(" ");
      const options = Object.fromEntries(rest.map((option) => option.split("=")));
      const name = word.replaceAll("_", " ");
      const plural = options.plural?.replaceAll("_", " ") ?? `${name}s`;
      return {
        name,
        plural,
        category,
        emoji,
        fluent: options.fluent ?? word.replaceAll("_", "-").toLowerCase(),
      };
    });
}

const codes = (emoji) => [...emoji].map((character) => character.codePointAt(0).toString(16)).join("-");

/** Functions from an entry of the list to its SVG, by style. */
function stylesOf(modules) {
  const file = (path) => readFileSync(join(modules, path), "utf8");
  const noto = file("@svgmoji/noto/sprites/all.svg");
  return {
    "fluent-flat": ({ fluent }) => file(`fluentui-emoji/icons/flat/${fluent}.svg`),
    "fluent-modern": ({ fluent }) => file(`fluentui-emoji/icons/modern/${fluent}.svg`),
    noto: ({ emoji }) => cutNoto(noto, codes(emoji).toUpperCase().padStart(4, "0")),
    twemoji: ({ emoji }) => file(`@twemoji/svg/${codes(emoji)}.svg`),
  };
}

/** One drawing out of the file that holds all of them as nested elements. */
function cutNoto(all, id) {
  const match = new RegExp(`<svg [^>]*?id="${id}(-FE0F)?"`).exec(all);
  if (match === null) throw new ScriptError(`the Noto set has no drawing ${id}`);
  let depth = 0;
  const tags = /<svg[ >]|<\/svg>/g;
  tags.lastIndex = match.index;
  for (let tag = tags.exec(all); tag !== null; tag = tags.exec(all)) {
    depth += tag[0] === "</svg>" ? -1 : 1;
    if (depth === 0)
      return all
        .slice(match.index, tags.lastIndex)
        .replace("<svg ", '<svg xmlns:xlink="http://www.w3.org/1999/xlink" ');
  }
  throw new ScriptError(`the Noto set ends within ${id}`);
}

function visibleBox(rgba, { width, height }) {
  const box = { left: width, top: height, right: 0, bottom: 0 };
  for (let i = 3; i < rgba.length; i += 4) {
    if (rgba[i] < 16) continue;
    const x = (i >> 2) % width;
    const y = Math.floor((i >> 2) / width);
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x);
    box.top = Math.min(box.top, y);
    box.bottom = y;
  }
  const { left, top } = box;
  return { left, top, width: box.right - left + 1, height: box.bottom - top + 1 };
}

/** An SVG trimmed to what is visible, its longer side filling the cell but for the margin. Straight RGBA. */
async function drawTrimmed(svg) {
  const size = /viewBox="0 0 ([\d.]+) /.exec(svg)?.[1] ?? /<svg[^>]* width="([\d.]+)/.exec(svg)?.[1];
  const density = (72 * RENDERED) / Number(size);
  const { data, info } = await sharp(Buffer.from(svg), { density })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const box = visibleBox(data, info);
  const inner = CELL - 2 * MARGIN;
  return sharp(data, { raw: info })
    .extract(box)
    .resize(inner, inner, { fit: "contain", background: "#00000000" })
    .extend({ top: MARGIN, bottom: MARGIN, left: MARGIN, right: MARGIN, background: "#00000000" })
    .ensureAlpha()
    .raw()
    .toBuffer();
}

/** A mask drawn on the whole cell. */
async function drawMask(svg) {
  const density = (72 * CELL) / Number(/viewBox="0 0 (\d+)/.exec(svg)[1]);
  const rgba = await sharp(Buffer.from(svg), { density }).resize(CELL, CELL).ensureAlpha().raw().toBuffer();
  for (let i = 0; i < rgba.length; i += 4) rgba.fill(255, i, i + 3);
  return rgba;
}

/** Cells in rows of COLUMNS, as lossless WebP: every reader sees the same bytes. */
async function writeSheet(path, cells, nearLossless) {
  const width = COLUMNS * CELL;
  const height = Math.ceil(cells.length / COLUMNS) * CELL;
  const sheet = Buffer.alloc(width * height * 4);
  for (const [n, cell] of cells.entries()) {
    const x = (n % COLUMNS) * CELL;
    const y = Math.floor(n / COLUMNS) * CELL;
    for (let row = 0; row < CELL; row++) {
      cell.copy(sheet, ((y + row) * width + x) * 4, row * CELL * 4, (row + 1) * CELL * 4);
    }
  }
  const raw = sharp(sheet, { raw: { width, height, channels: 4 } });
  const options = nearLossless
    ? { nearLossless: true, quality: 40, effort: 6 }
    : { lossless: true, effort: 6 };
  return (await raw.webp(options).toFile(path)).size;
}

await main(async () => {
  const { values } = parseArgs({ options: { packages: { type: "string" }, sheets: { type: "string" } } });
  const folder = values.packages ?? mkdtempSync(join(tmpdir(), "world-atlas-"));
  if (!values.packages) {
    await runOrThrow("npm", ["install", "--no-save", "--ignore-scripts", "--prefix", folder, ...PACKAGES]);
  }
  const names = readNames();
  const styles = stylesOf(join(folder, "node_modules"));
  const out = join(root, "assets/world");
  mkdirSync(out, { recursive: true });
  const sheets = [];
  const add = async (name, cells, nearLossless = false) => {
    const size = await writeSheet(join(out, `${name}.webp`), cells, nearLossless);
    console.log(`${name}.webp: ${cells.length} cells, ${size} bytes`);
    sheets.push(`${name}.webp`);
  };
  const colors = names.map(() => []);
  const drawings = {};
  for (const [style, svgOf] of Object.entries(styles)) {
    const cells = [];
    for (const [n, entry] of names.entries()) {
      const cell = await drawTrimmed(svgOf(entry));
      colors[n].push(dominantColor(cell));
      cells.push(cell);
    }
    drawings[style] = cells;
    await add(style, cells, true);
  }
  await add("shapes", await Promise.all(SHAPE_NAMES.map((name) => drawMask(shapeSvg(name)))));
  for (const { name, stroke } of FONTS) {
    await add(
      `letters-${name}`,
      await Promise.all([...LETTERS].map((letter) => drawMask(letterSvg(letter, stroke)))),
    );
  }
  const index = {
    cell: CELL,
    columns: COLUMNS,
    sheets,
    styles: Object.keys(styles),
    unseenStyle: UNSEEN_STYLE,
    names: names.map(({ name, plural, category }, n) => ({ name, plural, category, colors: colors[n] })),
    shapes: SHAPE_NAMES,
    letters: LETTERS,
    fonts: FONTS.map(({ name, stroke }) => ({
      name,
      advances: [...LETTERS].map((letter) => advance(letter, stroke)),
    })),
  };
  const lines = Object.entries(index).map(([key, value]) => {
    const isLong = key === "names" || key === "fonts";
    const text = isLong
      ? `[\n${value.map((v) => `    ${JSON.stringify(v)}`).join(",\n")}\n  ]`
      : JSON.stringify(value);
    return `  ${JSON.stringify(key)}: ${text}`;
  });
  writeFileSync(join(out, "atlas.json"), `{\n${lines.join(",\n")}\n}\n`);
  if (values.sheets) await contactSheets(values.sheets, names, drawings, colors, CELL);
  if (!values.packages) rmSync(folder, { recursive: true });
});
