/** V8's Map holds 2^24 entries; a batch may have more lines, so ids are spread over several. */
const PARTS = 64;

/** Ids, each with the line that had it first. The text "1" and the number 1 are two ids. */
export class IdSet {
  private readonly parts = Array.from({ length: PARTS }, () => new Map<string | number, number>());

  /** @returns the line that has the id already */
  add(id: string | number, line: number): number | undefined {
    const part = this.parts[hash(String(id)) % PARTS]!;
    const earlier = part.get(id);
    if (earlier === undefined) part.set(id, line);
    return earlier;
  }
}

/** FNV-1a over UTF-16 units. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
