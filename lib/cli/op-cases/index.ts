import { optionError } from "../../check.js";
import { nearest } from "../../nearest.js";
import { ATTENTION } from "./attention.js";
import type { OpCase, Sizes } from "./case.js";
import { GRIDS } from "./grids.js";
import { PRODUCTS } from "./products.js";
import { ROWS } from "./rows.js";
import { TOKENS } from "./tokens.js";

export { type Answer, type Bytes, Maker, type OpCase, type Sizes } from "./case.js";

/** Every operation of honeybee/ops, by the name that a profile gives it. */
export const OP_CASES: Readonly<Record<string, OpCase>> = {
  ...PRODUCTS,
  ...ROWS,
  ...ATTENTION,
  ...TOKENS,
  ...GRIDS,
};

/** @throws HoneybeeError ERR_OPTION that names the nearest operation */
export function findOp(name: string): OpCase {
  if (Object.hasOwn(OP_CASES, name)) return OP_CASES[name]!;
  const names = Object.keys(OP_CASES);
  throw optionError(
    `unknown operation "${name}"; did you mean ${nearest(name, names)}? There are ${names.join(", ")}`,
  );
}

/** "rows=144,in=2048,out=5632"; text that reads as the sizes again. */
export const shapeText = (sizes: Sizes): string =>
  Object.entries(sizes)
    .map(([name, size]) => `${name}=${size}`)
    .join(",");

/** Sizes that may be 0: they count what is before or beside. */
const FROM_ZERO = ["position", "top", "topK"];
const MOST = 2 ** 24;

/**
 * The sizes of an operation: those given as "rows=1,in=2048", the others as the table has them.
 *
 * @throws HoneybeeError ERR_OPTION that names what is wrong
 */
export function readShape(op: string, text: string): Sizes {
  const { sizes } = findOp(op);
  const names = Object.keys(sizes);
  const read: Record<string, number> = { ...sizes };
  for (const part of text.split(",")) {
    const [name = "", value = "", ...rest] = part.split("=").map((each) => each.trim());
    if (!names.includes(name)) {
      throw optionError(
        `--shape: ${op} has no size "${name}"; did you mean "${nearest(name, names)}"? It takes ${shapeText(sizes)}`,
      );
    }
    const size = Number(value);
    const least = FROM_ZERO.includes(name) ? 0 : 1;
    if (value === "" || rest.length > 0 || !Number.isInteger(size) || size < least || size > MOST)
      throw optionError(`--shape: ${name} must be an integer from ${least} to ${MOST}, not "${part}"`);
    read[name] = size;
  }
  return read;
}
