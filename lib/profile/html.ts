/** Text inside an element or a quoted attribute. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** A value inside a script element of type application/json, which nothing but its end tag may end. */
export function jsonIsland(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

export interface HtmlColumn {
  head: string;
  /** Words start at the left, numbers end at the right. */
  isWord?: boolean;
  /** Class whose colour the head has. */
  kind?: string;
}

/**
 * A table in a box of its own that scrolls, also by keys. The first column heads the rows.
 *
 * @param rows of cells that are HTML already
 */
export function htmlTable(name: string, heads: readonly HtmlColumn[], rows: readonly string[][]): string {
  const cell = (tag: string, text: string, { isWord }: HtmlColumn, scope = "") =>
    `<${tag}${scope && ` scope="${scope}"`}${isWord ? ' class="word"' : ""}>${text}</${tag}>`;
  const head = heads
    .map((column) => {
      const text = escaped(column.head);
      return cell("th", column.kind ? `<b class="${column.kind}">${text}</b>` : text, column, "col");
    })
    .join("");
  const body = rows.map((cells) => {
    const [first, ...others] = cells.map((text, i) =>
      cell(i === 0 ? "th" : "td", text, heads[i]!, i === 0 ? "row" : ""),
    );
    return `<tr>${first}${others.join("")}</tr>`;
  });
  return (
    `<div class="scroll" tabindex="0" role="region" aria-label="${escaped(name)}">` +
    `<table><thead><tr>${head}</tr></thead><tbody>\n${body.join("\n")}\n</tbody></table></div>`
  );
}

/** A horizontal bar in units of a thousandth of its width. */
export function bar(
  pieces: readonly { start: number; length: number; kind: string }[],
  kind: string,
): string {
  const rects = pieces.map(
    (piece) =>
      `<rect class="${piece.kind}" x="${piece.start.toFixed(2)}" y="0" width="${piece.length.toFixed(2)}" height="10"/>`,
  );
  return `<svg class="${kind}" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">${rects.join("")}</svg>`;
}
