/** The beginning of a text as a test name: ASCII, and without what TAP takes for a line end or a directive. */
export function label(text: string): string {
  return JSON.stringify(text.slice(0, 60)).replace(
    /[^ -~]|#/g,
    (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`,
  );
}
