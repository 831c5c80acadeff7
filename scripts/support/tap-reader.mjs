/**
 * Reads the TAP version 14 that `tap run --reporter=tap` writes and counts tests: blocks (files or subtests) that
 * hold assertions of their own, so that a loop of a thousand assertions is one test. A test that is skipped with a
 * reason is told by name and counts as nothing; without a reason it counts as failed, and so does a file that ended
 * badly or ran nothing.
 */
export class TapReader {
  passed = 0;
  failed = 0;
  /** The blocks the next line is inside of, the whole run first. */
  #open = [newBlock()];
  #names = [];
  /** The failed point whose diagnostics may follow. */
  #failure;
  /** The column of the YAML block being read. */
  #yamlColumn;
  #onFile;
  #onFailure;
  #onSkip;

  /**
   * @param {{onFile?: (name: string, passed: boolean, ms: number) => void, onFailure?: (text: string) => void,
   *   onSkip?: (text: string) => void}} listeners onFile gets the time that a file took, onFailure the path of the failed
   *   point and its diagnostics, onSkip the path of what did not run and why
   */
  constructor({ onFile = () => {}, onFailure = () => {}, onSkip = () => {} } = {}) {
    this.#onFile = onFile;
    this.#onFailure = onFailure;
    this.#onSkip = onSkip;
  }

  /** Takes the next line, without its newline. */
  line(text) {
    if (this.#diagnostics(text)) return;
    const subtest = /^((?: {4})*)# Subtest: (.*)$/.exec(text);
    if (subtest) this.#names[subtest[1].length / 4] = subtest[2];
    const point = /^((?: {4})*)(not )?ok \d+(?: - (.*?))?(?: # (?:time=(\S+)ms|((?:SKIP|TODO)\b.*)))?$/.exec(
      text,
    );
    if (point) this.#point(point[1].length / 4, !point[2], point[3] ?? "", point[5], Number(point[4] ?? 0));
  }

  /** Call after the last line: reports the failure whose diagnostics came last. */
  end() {
    this.#reportFailure();
  }

  #point(depth, ok, name, directive, ms) {
    this.#reportFailure();
    const closed = this.#open[depth + 1];
    this.#open.length = Math.min(this.#open.length, depth + 1);
    while (this.#open.length <= depth) this.#open.push(newBlock());
    const parent = this.#open[depth];
    const reason = ok && /^SKIP (.*\S)/.exec(directive ?? "")?.[1];
    if (reason) {
      this.#onSkip(`${[...this.#names.slice(0, depth), name].join(" › ")}: ${reason}`);
      return;
    }
    const passes = ok && !directive;
    const failuresInside = closed?.failures ?? 0;

    const isBlock = depth === 0 || closed !== undefined || directive !== undefined;
    if (!isBlock) parent.assertions++;
    else if (closed?.assertions > 0 || (!passes && failuresInside === 0))
      this[passes ? "passed" : "failed"]++;

    if (!passes) {
      parent.failures += 1 + failuresInside;
      // A block that failed by what is inside it has been shown already.
      if (failuresInside === 0) {
        const path = [...this.#names.slice(0, depth), name].join(" › ");
        this.#failure = [directive ? `${path} (${directive}: a test that does not run is a failure)` : path];
      }
    }
    if (depth === 0) this.#onFile(name, passes, ms);
  }

  /** True when the line belongs to the YAML block that follows a point. */
  #diagnostics(text) {
    if (this.#yamlColumn === undefined) {
      if (!/^ +---$/.test(text)) return false;
      this.#yamlColumn = text.length - 3;
    } else if (text === `${" ".repeat(this.#yamlColumn)}...`) {
      this.#yamlColumn = undefined;
    } else {
      this.#failure?.push(`    ${text.slice(this.#yamlColumn)}`);
    }
    return true;
  }

  #reportFailure() {
    if (this.#failure) this.#onFailure(this.#failure.join("\n"));
    this.#failure = undefined;
  }
}

const newBlock = () => ({ assertions: 0, failures: 0 });
