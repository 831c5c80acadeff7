/**
 * A table for a terminal: columns as wide as they must be, two spaces apart.
 *
 * @param rows the head first; all of one length
 * @param words how many columns, from the left, hold words; the others hold numbers, which end at the same place
 */
export function columns(rows: readonly (readonly string[])[], words: number): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column < words ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
