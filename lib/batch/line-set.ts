/** A set of line numbers, a bit each: a batch may have a hundred million lines. */
export class LineSet {
  size = 0;
  private bits = new Uint8Array(1024);

  add(line: number): void {
    const at = line >> 3;
    if (at >= this.bits.length) {
      const grown = new Uint8Array(Math.max(at + 1, 2 * this.bits.length));
      grown.set(this.bits);
      this.bits = grown;
    }
    if (this.has(line)) return;
    this.bits[at]! |= 1 << (line & 7);
    this.size++;
  }

  has(line: number): boolean {
    return ((this.bits[line >> 3] ?? 0) & (1 << (line & 7))) !== 0;
  }
}
