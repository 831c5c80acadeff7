import type { TemplateFields } from "../prompt/index.js";
import type { Random } from "./random.js";

/** One question or expression about a picture: values of a template's slots, and whatever else the file says. */
export type Example = TemplateFields;

/** A place in a dialogue: an example, or several of which each access takes one. */
export type Entry<E = Example> = E | readonly E[];

export interface Deduplication {
  /** The field whose values count as the same by exact text. */
  key: string;
  /** Values that may occur again; "all" turns the whole thing off. */
  whitelist?: readonly string[] | "all" | null | undefined;
  /** Draw a member anew at each access (default); false keeps the first. */
  online?: boolean | undefined;
}

/**
 * Joins the examples of one picture whose `key` is the same into one entry, in the order in which the values first
 * occur (spec of the paper's de-duplication, section 3.3).
 */
export function deduplicate<E extends object>(examples: readonly E[], options: Deduplication): Entry<E>[] {
  const { key, whitelist, online = true } = options;
  if (examples.length < 2 || whitelist === "all") return [...examples];
  const buckets = new Map<unknown, E[]>();
  for (const example of examples) {
    const value = (example as Record<string, unknown>)[key];
    const bucket = buckets.get(value);
    if (bucket) bucket.push(example);
    else buckets.set(value, [example]);
  }
  return [...buckets].flatMap(([value, bucket]): Entry<E>[] => {
    if (bucket.length === 1 || whitelist?.includes(value as string)) return bucket;
    return online ? [bucket] : [bucket[0]!];
  });
}

/** One access: each entry with several members gives one, uniformly. */
export function resolveExamples<E>(entries: readonly Entry<E>[], random: Random): E[] {
  return entries.map((entry) => (Array.isArray(entry) ? random.pick(entry as readonly E[]) : (entry as E)));
}
