const polygon = (corners, radius, cx, cy, turn = -90) =>
  Array.from({ length: corners }, (_, k) => {
    const angle = ((turn + (360 * k) / corners) * Math.PI) / 180;
    return `${(cx + radius * Math.cos(angle)).toFixed(2)},${(cy + radius * Math.sin(angle)).toFixed(2)}`;
  }).join(" ");

const star = Array.from({ length: 10 }, (_, k) => {
  const angle = ((-90 + 36 * k) * Math.PI) / 180;
  const radius = k % 2 === 0 ? 33 : 13.5;
  return `${(32 + radius * Math.cos(angle)).toFixed(2)},${(35 + radius * Math.sin(angle)).toFixed(2)}`;
}).join(" ");

/** Plain shapes on 64×64 units; the outermost unit stays clear. */
const SHAPES = {
  circle: '<circle cx="32" cy="32" r="30.5"/>',
  square: '<rect x="2" y="2" width="60" height="60"/>',
  triangle: '<path d="M32 4 62 58H2Z"/>',
  diamond: '<path d="M32 1.5 52 32 32 62.5 12 32Z"/>',
  pentagon: `<polygon points="${polygon(5, 31.5, 32, 34)}"/>`,
  hexagon: `<polygon points="${polygon(6, 30.5, 32, 32)}"/>`,
  star: `<polygon points="${star}"/>`,
  heart:
    '<path d="M32 60C10 44 2 33 2 20 2 10 9 4 17 4c7 0 12 4 15 10 3-6 8-10 15-10 8 0 15 6 15 16 0 13-8 24-30 40Z"/>',
  cross: '<path d="M23 2H41V23H62V41H41V62H23V41H2V23H23Z"/>',
  arrow: '<path d="M2 24H34V8L62 32 34 56V40H2Z"/>',
  semicircle: '<path d="M2 46a30 30 0 0 1 60 0Z"/>',
  ring: '<path fill-rule="evenodd" d="M32 1.5a30.5 30.5 0 1 1 0 61 30.5 30.5 0 1 1 0-61Zm0 15a15.5 15.5 0 1 0 0 31 15.5 15.5 0 1 0 0-31Z"/>',
};

export const SHAPE_NAMES = Object.keys(SHAPES);

export const shapeSvg = (name) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" fill="#fff">${SHAPES[name]}</svg>`;
