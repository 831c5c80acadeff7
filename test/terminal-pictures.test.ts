// Pictures in terminals: what was encoded is decoded by other means; terminals are known by what they document.
import { PassThrough } from "node:stream";
import type { ReadStream, WriteStream } from "node:tty";
import sharp from "sharp";
import t from "tap";
import { drawPicture, encodeBlocks } from "../lib/cli/picture/draw.js";
import { askAttributes, findProtocol, protocolByName } from "../lib/cli/picture/protocol.js";
import { encodeSixel } from "../lib/cli/picture/sixel.js";
import { Random } from "../lib/data/index.js";
import type { RgbImage } from "../lib/image/index.js";

const ESC = "\x1b";
const canvas = { columns: 80, rows: 40, depth: 24 };

function paint(width: number, height: number, at: (x: number, y: number) => number[]): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set(at(x, y), (y * width + x) * 3);
  return { data, width, height };
}

/** A decoder of sixel graphics by the description in xterm's ctlseqs and DEC's manual. */
function decodeSixel(text: string): RgbImage {
  if (!text.startsWith(`${ESC}Pq`) || !text.endsWith(`${ESC}\\`)) throw new Error("no device control string");
  const body = text.slice(3, -2);
  const token = /"(\d+);(\d+);(\d+);(\d+)|#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|([$-])/y;
  const palette = new Map<number, number[]>();
  let [width, height, x, y, color] = [0, 0, 0, 0, -1];
  let data = new Uint8Array();
  while (token.lastIndex < body.length) {
    const match = token.exec(body);
    if (!match) throw new Error(`not sixel: ${JSON.stringify(body.slice(token.lastIndex, 20))}`);
    const [, , , w, h, number, r, g, b, times, repeated, once, move] = match;
    if (w) {
      [width, height] = [Number(w), Number(h)];
      data = new Uint8Array(width * height * 3);
    } else if (number) {
      color = Number(number);
      if (r)
        palette.set(
          color,
          [r, g, b].map((percent) => Math.round((255 * Number(percent)) / 100)),
        );
    } else if (move) {
      x = 0;
      if (move === "-") y += 6;
    } else {
      const bits = (repeated ?? once)!.charCodeAt(0) - 63;
      for (let n = 0; n < Number(times ?? 1); n++, x++) {
        for (let row = 0; row < 6; row++) {
          if (!(bits & (1 << row))) continue;
          if (x >= width || y + row >= height) throw new Error(`a pixel outside: ${x}, ${y + row}`);
          data.set(palette.get(color)!, ((y + row) * width + x) * 3);
        }
      }
    }
  }
  return { data, width, height };
}

t.test("sixel: colours of the palette come back exactly, whatever the size", (t) => {
  for (const [width, height] of [
    [1, 1],
    [5, 6],
    [7, 13],
    [40, 24],
  ] as const) {
    const random = new Random(width, height);
    const values = () => Array.from({ length: 3 }, () => 51 * random.below(6));
    // Runs, for they are written otherwise.
    let color = values();
    const picture = paint(width, height, () => {
      if (random.chance(0.2)) color = values();
      return color;
    });
    t.same(decodeSixel(encodeSixel(picture)), picture, `${width}×${height}`);
  }
  t.end();
});

t.test("sixel: other colours are dithered, so that their means are right", (t) => {
  const picture = paint(64, 60, (x, y) => [4 * x, 4 * y, 200]);
  const decoded = decodeSixel(encodeSixel(picture));
  const mean = ({ data }: RgbImage, left: number, top: number, c: number) => {
    let sum = 0;
    for (let y = top; y < top + 4; y++)
      for (let x = left; x < left + 4; x++) sum += data[(y * 64 + x) * 3 + c]!;
    return sum / 16;
  };
  let worst = 0;
  for (let top = 0; top < 60; top += 4)
    for (let left = 0; left < 64; left += 4)
      for (let c = 0; c < 3; c++)
        worst = Math.max(worst, Math.abs(mean(decoded, left, top, c) - mean(picture, left, top, c)));
  // Sixteen thresholds a step of 51, and what a slope of 4 a pixel adds.
  t.ok(worst <= 51 / 16 + 4, `${worst}`);
  t.end();
});

/** Whether an image file holds these pixels. */
async function holds(file: Buffer, { data, width, height }: RgbImage): Promise<boolean> {
  const decoded = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  return decoded.info.width === width && decoded.info.height === height && decoded.data.equals(data);
}

t.test("kitty and iTerm2 are sent the picture as PNG", async (t) => {
  const random = new Random(4);
  const picture = paint(448, 448, () => [random.below(256), random.below(256), random.below(256)]);
  const kitty = await drawPicture(picture, "kitty", canvas);
  t.ok(kitty.endsWith(`${ESC}\\\n`));
  const pieces = kitty
    .slice(0, -1)
    .split(`${ESC}\\`)
    .slice(0, -1)
    .map((piece) => {
      const [, keys, payload] = new RegExp(`^${ESC}_G([\\w=,]+);([\\w+/=]+)$`).exec(piece)!;
      return { keys: Object.fromEntries(keys!.split(",").map((key) => key.split("="))), payload: payload! };
    });
  t.match(pieces[0]!.keys, { a: "T", f: "100" });
  t.same(
    pieces.map(({ keys }) => keys.m),
    [...pieces.slice(1).map(() => "1"), "0"],
  );
  t.ok(
    pieces.length > 1 && pieces.every(({ payload }) => payload.length <= 4096 && payload.length % 4 === 0),
  );
  t.ok(await holds(Buffer.from(pieces.map(({ payload }) => payload).join(""), "base64"), picture));

  const iterm = await drawPicture(picture, "iterm", canvas);
  const [, keys, payload] = new RegExp(`^${ESC}\\]1337;File=([^:]*):([\\w+/=]+)\x07\n$`).exec(iterm)!;
  const file = Buffer.from(payload!, "base64");
  t.match(Object.fromEntries(keys!.split(";").map((key) => key.split("="))), {
    inline: "1",
    size: `${file.length}`,
  });
  t.ok(await holds(file, picture));
});

t.test("pictures keep their shape and fit the terminal", async (t) => {
  const wide = paint(60, 20, () => [255, 0, 51]);
  const sixel = decodeSixel((await drawPicture(wide, "sixel", canvas)).slice(0, -1));
  t.same([sixel.width, sixel.height], [448, 149]);
  t.same([...sixel.data.subarray(0, 3)], [255, 0, 51]);
  const lines = (await drawPicture(wide, "blocks", { ...canvas, columns: 30 })).split("\n");
  t.equal(lines[0]!.split("▀").length - 1, 30);
  t.equal(lines.length - 1, 5, "ten pixels high");
  const tall = (
    await drawPicture(
      paint(10, 90, () => [0, 0, 0]),
      "blocks",
      { ...canvas, rows: 20 },
    )
  ).split("\n");
  t.equal(tall.length - 1, 16, "leaves room for four lines");
  t.equal(await drawPicture(wide, "none", canvas), "");
});

t.test("half blocks: two pixels a character, in 24 bits or the colours that xterm has", (t) => {
  const picture = paint(2, 3, (x, y) => [100 * x, 120 * y, 255]);
  const [first, second] = encodeBlocks(picture, 24).split("\n") as [string, string];
  const cell = (upper: string, lower: string) => `${ESC}[38;${upper}m${ESC}[${lower}m▀`;
  t.equal(first, `${cell("2;0;0;255", "48;2;0;120;255")}${cell("2;100;0;255", "48;2;100;120;255")}${ESC}[0m`);
  t.equal(second, `${cell("2;0;240;255", "49")}${cell("2;100;240;255", "49")}${ESC}[0m`);
  const levels = [0, 95, 135, 175, 215, 255];
  for (let value = 0; value < 256; value++) {
    const index = Number(
      /38;5;(\d+)m/.exec(
        encodeBlocks(
          paint(1, 1, () => [value, 0, 0]),
          8,
        ),
      )![1],
    );
    const level = levels[(index - 16) / 36]!;
    const nearest = Math.min(...levels.map((each) => Math.abs(each - value)));
    if (Math.abs(level - value) !== nearest) t.fail(`${value}: ${level}`);
  }
  t.end();
});

t.test("terminals are known by what they say of themselves", (t) => {
  const cases: [NodeJS.ProcessEnv, string | undefined][] = [
    [{ TERM: "xterm-kitty" }, "kitty"],
    [{ TERM: "xterm-256color", KITTY_WINDOW_ID: "1" }, "kitty"],
    [{ TERM: "xterm-ghostty" }, "kitty"],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "ghostty" }, "kitty"],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "iTerm.app" }, "iterm"],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "WezTerm" }, "iterm"],
    [{ TERM: "xterm-256color", LC_TERMINAL: "iTerm2" }, "iterm"],
    [{ TERM: "xterm-256color" }, undefined],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "vscode", KITTY_WINDOW_ID: "1" }, undefined],
    [{ TERM: "tmux-256color", KITTY_WINDOW_ID: "1" }, undefined],
    [{ TERM: "xterm-256color", TMUX: "/tmp/tmux", LC_TERMINAL: "iTerm2" }, undefined],
    [{}, undefined],
  ];
  for (const [env, protocol] of cases) t.equal(protocolByName(env), protocol, JSON.stringify(env));
  t.end();
});

/** A terminal that answers a request for its attributes, or does not. */
function terminal(answer: string | undefined, depth = 24) {
  const modes: boolean[] = [];
  const keys = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (raw: boolean) => modes.push(raw),
  });
  const asked: string[] = [];
  const screen = {
    isTTY: true,
    getColorDepth: () => depth,
    write: (text: string) => {
      asked.push(text);
      if (answer !== undefined) setImmediate(() => keys.write(answer));
      return true;
    },
  };
  return {
    input: keys as unknown as ReadStream,
    output: screen as unknown as WriteStream,
    keys,
    modes,
    asked,
  };
}

t.test("a terminal is asked for sixel, and what was typed meanwhile is not lost", async (t) => {
  const typing = terminal(`ls${ESC}[?62;4;22c -l\n`);
  t.same(await askAttributes(typing.output, typing.input), [62, 4, 22]);
  t.same([typing.asked, typing.modes], [[`${ESC}[c`], [true, false]]);
  t.equal(String(typing.keys.read()), "ls -l\n");

  const silent = terminal(undefined);
  t.same(await askAttributes(silent.output, silent.input), []);
  t.same(silent.modes, [true, false], "raw mode ends though nobody answered");

  const find = ({ output, input }: ReturnType<typeof terminal>, env: NodeJS.ProcessEnv) =>
    findProtocol(output, input, env);
  t.equal(await find(terminal(`${ESC}[?62;4c`), { TERM: "xterm" }), "sixel");
  t.equal(await find(terminal(`${ESC}[?62;22c`), { TERM: "xterm" }), "blocks", "22 is not 4");
  const kitty = terminal(undefined);
  t.equal(await find(kitty, { TERM: "xterm-kitty" }), "kitty");
  t.same(kitty.asked, [], "known without asking");
  t.equal(await find(terminal(`${ESC}[?4c`, 4), { TERM: "linux" }), "none");
  t.equal(await find(terminal(`${ESC}[?4c`), { TERM: "dumb" }), "none");
  const pipe = { ...terminal(undefined).output, isTTY: false } as WriteStream;
  t.equal(await findProtocol(pipe, typing.input, { TERM: "xterm-kitty" }), "none");
});
