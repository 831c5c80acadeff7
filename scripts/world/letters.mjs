/** Capitals as strokes of our own, 14 units high: [path, width]. */
const STROKES = {
  A: ["M0 14 4.5 0 9 14M1.8 9H7.2", 9],
  B: ["M0 0H4.5A3.25 3.25 0 0 1 4.5 6.5H0M4.5 6.5A3.75 3.75 0 0 1 4.5 14H0V0", 8.25],
  C: ["M9 3.5C8 1 6.5 0 4.8 0 1.8 0 0 3 0 7c0 4 1.8 7 4.8 7 1.7 0 3.2-1 4.2-3.5", 9],
  D: ["M0 0H3.5C7 0 9 2.8 9 7c0 4.2-2 7-5.5 7H0Z", 9],
  E: ["M7.5 0H0V14H7.5M0 6.8H6", 7.5],
  F: ["M7.5 0H0V14M0 6.8H6", 7.5],
  G: ["M9 3.5C8 1 6.5 0 4.8 0 1.8 0 0 3 0 7c0 4 1.8 7 4.8 7 2 0 4.2-1.2 4.4-6.2H5.5", 9.2],
  H: ["M0 0V14M8.5 0V14M0 6.8H8.5", 8.5],
  I: ["M0 0H4M2 0V14M0 14H4", 4],
  J: ["M6.5 0V10c0 2.8-1.3 4-3.2 4C1.4 14 0 12.8 0 10.5", 6.5],
  K: ["M0 0V14M8.5 0 0 8M3 5.5 8.5 14", 8.5],
  L: ["M0 0V14H7", 7],
  M: ["M0 14V0L5.5 9 11 0V14", 11],
  N: ["M0 14V0L8.5 14V0", 8.5],
  O: ["M5 0c3 0 5 3 5 7s-2 7-5 7-5-3-5-7 2-7 5-7Z", 10],
  P: ["M0 14V0H4.8A3.7 3.7 0 0 1 4.8 7.4H0", 8.5],
  Q: ["M5 0c3 0 5 3 5 7s-2 7-5 7-5-3-5-7 2-7 5-7ZM6 10 10 14.5", 10],
  R: ["M0 14V0H4.8A3.7 3.7 0 0 1 4.8 7.4H0M4 7.4 8.5 14", 8.5],
  S: [
    "M8 2.8C7.2 1 6 0 4.2 0 2 0 .5 1.4.5 3.4.5 8.2 8.4 5.6 8.4 10.4 8.4 12.6 6.6 14 4.3 14 2.2 14 .8 13 0 10.9",
    8.4,
  ],
  T: ["M0 0H9M4.5 0V14", 9],
  U: ["M0 0V9.5C0 12.5 1.8 14 4.25 14c2.45 0 4.25-1.5 4.25-4.5V0", 8.5],
  V: ["M0 0 4.5 14 9 0", 9],
  W: ["M0 0 3 14 6.5 3 10 14 13 0", 13],
  X: ["M0 0 8.5 14M8.5 0 0 14", 8.5],
  Y: ["M0 0 4.5 7 9 0M4.5 7V14", 9],
  Z: ["M0 0H8.5L0 14H8.5", 8.5],
};

const UNITS = 20;
const GAP = 1.6;

export const LETTERS = Object.keys(STROKES).join("");

export const FONTS = [
  { name: "thin", stroke: 1.9 },
  { name: "bold", stroke: 3.3 },
];

/** A letter in the middle of a square cell, in white. */
export function letterSvg(letter, stroke) {
  const [path, width] = STROKES[letter];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${UNITS} ${UNITS}"><path transform="translate(${
    (UNITS - width) / 2
  } ${(UNITS - 14) / 2})" d="${path}" fill="none" stroke="#fff" stroke-width="${stroke}" stroke-linecap="round" stroke-linejoin="round"/></svg>`;
}

/** What a letter takes of a line, as a fraction of its cell's side. */
export const advance = (letter, stroke) => Number(((STROKES[letter][1] + stroke + GAP) / UNITS).toFixed(4));
