import { type Deduplication, deduplicate, type Entry, type Example } from "./examples.js";

/** An example and the picture it is about; null for text alone. */
export interface ImageExample {
  image: string | null;
  example: Example;
}

/** What one dialogue is built from. */
export interface Item {
  image: string | null;
  examples: Entry[];
}

export interface BuildOptions {
  /** Most examples of an item; 0 or less: all of a picture. */
  turns: number;
  /** Only with several turns. */
  deduplication?: Deduplication | undefined;
}

/**
 * The multi-turn builder (paper, section 3.3; Honeybee reference code): examples are grouped by picture in the order in
 * which pictures first occur, de-duplicated, and cut into slices, each of which is one item. Every example belongs to
 * exactly one.
 */
export function buildItems(examples: Iterable<ImageExample>, { turns, deduplication }: BuildOptions): Item[] {
  const groups = new Map<string | null, Example[]>();
  for (const { image, example } of examples) {
    const group = groups.get(image);
    if (group) group.push(example);
    else groups.set(image, [example]);
  }
  return [...groups].flatMap(([image, group]) => {
    const isRepeated = turns > 1 && deduplication !== undefined;
    const entries: Entry[] = isRepeated ? deduplicate(group, deduplication) : group;
    const length = turns > 0 ? turns : entries.length;
    const items: Item[] = [];
    for (let at = 0; at < entries.length; at += length) {
      items.push({ image, examples: entries.slice(at, at + length) });
    }
    return items;
  });
}
