/** One kind of trouble with a dataset's files. */
export interface Problem {
  /** "box outside the picture", "empty answer", "image cannot be read", ... */
  kind: string;
  count: number;
  /** Where the first of them is. */
  first: string;
}

/** Trouble that does not stop a dataset from being read: counted by kind, never silent. */
export class Problems {
  readonly #kinds = new Map<string, Problem>();

  add(kind: string, where: string): void {
    const known = this.#kinds.get(kind);
    if (known) known.count++;
    else this.#kinds.set(kind, { kind, count: 1, first: where });
  }

  list(): Problem[] {
    return [...this.#kinds.values()];
  }
}
