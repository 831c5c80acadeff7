/** Hues in degrees that nobody disputes, by name. */
const HUES = [
  ["red", 350, 368],
  ["orange", 22, 37],
  ["yellow", 45, 60],
  ["green", 85, 150],
  ["blue", 200, 235],
  ["purple", 262, 288],
  ["pink", 310, 342],
];

/** What people call an RGB colour, or "" where they would disagree. */
function colorName(r, g, b) {
  const max = Math.max(r, g, b);
  const chroma = max - Math.min(r, g, b);
  if (max < 60) return "black";
  if (chroma < 22) return max > 228 ? "white" : max > 85 && max < 200 ? "gray" : "";
  let hue;
  if (max === r) hue = (60 * (g - b)) / chroma;
  else if (max === g) hue = 120 + (60 * (b - r)) / chroma;
  else hue = 240 + (60 * (r - g)) / chroma;
  const saturation = chroma / max;
  // Brown is a dark orange.
  if (hue > 8 && hue < 40 && max < 175) return saturation > 0.35 ? "brown" : "";
  if (saturation < 0.5 || max < 90) return "";
  const turned = hue < 9 ? hue + 360 : hue;
  const [name, ,] = HUES.find(([, from, to]) => turned >= from && turned < to) ?? [""];
  if (name === "pink") return max > 190 ? "pink" : "";
  return (name === "orange" || name === "yellow" || name === "red") && max < 180 ? "" : name;
}

/**
 * The colour that most of a drawing has, or null: at least 60 % of it, and no other named colour has 10 %.
 *
 * @param {Uint8Array} rgba straight alpha
 */
export function dominantColor(rgba) {
  const counts = new Map();
  let total = 0;
  for (let i = 0; i < rgba.length; i += 4) {
    if (rgba[i + 3] < 128) continue;
    const name = colorName(rgba[i], rgba[i + 1], rgba[i + 2]);
    if (name !== "") counts.set(name, (counts.get(name) ?? 0) + 1);
    total++;
  }
  const [most, second] = [...counts].sort((a, b) => b[1] - a[1]);
  const isClear = most !== undefined && most[1] >= 0.6 * total && (second?.[1] ?? 0) < 0.1 * total;
  return isClear ? most[0] : null;
}
