import { HoneybeeError } from "../errors.js";
import { stripPython } from "./text.js";

/**
 * A VSR caption as a question, with the flaws of the official data: it is cut at every "is", even inside words.
 * "The cat is inside the box." becomes "Is the cat inside the box?".
 */
export function vsrQuestion(caption: string): string {
  const parts = caption.split("is").map((part) => stripPython(part.toLowerCase().replaceAll(".", "?")));
  return `Is ${parts.join(" ")}`;
}

export interface OptionStyle {
  /** What counts the options. Default "upper". */
  index?: "upper" | "lower" | "number";
  /** What surrounds the index: `A.`, `(A)` or `A)`. Default "dot". */
  decoration?: "dot" | "paren" | "rparen";
}

/** Option number `index` (from 0) of a list: "A", "b" or "3". */
function optionIndex(index: number, style: OptionStyle): string {
  if (style.index === "number") return String(index + 1);
  if (index > 25)
    throw new HoneybeeError("ERR_OPTION", `option ${index + 1} has no letter; number the options`);
  return String.fromCharCode((style.index === "lower" ? 97 : 65) + index);
}

/** The options as the `{option}` field: one line each, "A. first". */
export function optionText(options: readonly string[], style: OptionStyle = {}): string {
  return options.map((option, i) => `${decorate(optionIndex(i, style), style)} ${option}`).join("\n");
}

/**
 * The answer to a multiple-choice question: the bare index, or with the option's text in the same form as
 * the options ("C. text").
 *
 * @param index of the right option, from 0
 */
export function optionAnswer(
  options: readonly string[],
  index: number,
  style: OptionStyle = {},
  withText = false,
): string {
  const option = options[index];
  if (option === undefined) {
    throw new HoneybeeError("ERR_OPTION", `answer ${index} is not one of the ${options.length} options`);
  }
  const letter = optionIndex(index, style);
  return withText ? `${letter}. ${option}` : letter;
}

function decorate(index: string, { decoration = "dot" }: OptionStyle): string {
  if (decoration === "paren") return `(${index})`;
  return decoration === "rparen" ? `${index})` : `${index}.`;
}

/** A box in pixels: its top left corner and its size. */
export interface PixelBox {
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * A box as the `{bbox}` field: `[x1,y1,x2,y2]`, corners relative to the image, with a fixed number of decimals.
 *
 * @throws HoneybeeError ERR_OPTION if a corner is not a finite number
 */
export function boxText(box: PixelBox, image: { width: number; height: number }, decimals = 3): string {
  const corners = [
    box.x / image.width,
    box.y / image.height,
    (box.x + box.width) / image.width,
    (box.y + box.height) / image.height,
  ];
  return `[${corners.map((corner) => printFixed(corner, decimals)).join(",")}]`;
}

/** C's `printf("%.*f")`: unlike toFixed it rounds exact halves to even, and keeps the sign of zero. */
function printFixed(value: number, decimals: number): string {
  if (!(Math.abs(value) < 1e6)) {
    throw new HoneybeeError(
      "ERR_OPTION",
      `a corner of a box is ${value} times the image's size; check both sizes`,
    );
  }
  const magnitude = Math.abs(value);
  // value · 10^d is an exact half if and only if value · 2^(d+1) is an odd integer.
  const doubled = magnitude * 2 ** (decimals + 1);
  const isTie = Number.isInteger(doubled) && doubled % 2 === 1;
  const below = Math.floor(magnitude * 10 ** decimals);
  const digits =
    isTie && below % 2 === 0 ? (below / 10 ** decimals).toFixed(decimals) : magnitude.toFixed(decimals);
  return value < 0 || Object.is(value, -0) ? `-${digits}` : digits;
}
