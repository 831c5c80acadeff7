/** The four numbers of the first box text in an answer, `[x1,y1,x2,y2]`, or null if there is none. */
export function parseBox(text: string): [number, number, number, number] | null {
  const number = "\\s*(-?\\d*\\.?\\d+)\\s*";
  const match = new RegExp(`\\[${number},${number},${number},${number}\\]`).exec(text);
  return match === null ? null : (match.slice(1).map(Number) as [number, number, number, number]);
}
