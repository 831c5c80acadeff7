// Pictures on their way to the model, and what it makes of them.

/** Files of these types and up to this size are sent as they are. */
const AS_IT_IS = /^image\/(png|webp)$/;
const MOST_BYTES = 2 ** 21;

/** Longer sides are shrunk: the model sees a small square. */
const LONGEST = 1344;

/** A file as a data: URL. A photograph is turned upright first, for the model does not read its orientation. */
export async function readPicture(file) {
  if (AS_IT_IS.test(file.type) && file.size <= MOST_BYTES) return dataUrl(file);
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.95);
}

function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/**
 * Draws the square that the model gets, with the grid of its visual tokens, or with the points at which one of them
 * samples: the larger, the more it counts.
 */
export function drawShown(canvas, image, { size, grid, points = [] }) {
  const small = document.createElement("canvas");
  small.width = size;
  small.height = size;
  small.getContext("2d").drawImage(image, 0, 0, size, size);
  const side = Math.max(size, 448);
  canvas.width = side;
  canvas.height = side;
  const context = canvas.getContext("2d");
  // Its pixels are to be seen.
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, side, side);
  drawPoints(context, points, side);
  if (!grid) return;
  for (const [color, width] of [
    ["#0009", 3],
    ["#fffc", 1],
  ]) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.beginPath();
    for (let i = 1; i < grid; i++) {
      const at = (i * side) / grid;
      context.moveTo(at, 0);
      context.lineTo(at, side);
      context.moveTo(0, at);
      context.lineTo(side, at);
    }
    context.stroke();
  }
}

/** Those outside are drawn at the edge. */
function drawPoints(context, points, side) {
  const most = Math.max(...points.map(([, , weight]) => weight));
  for (const [x, y, weight] of points) {
    const inside = (part) => Math.min(Math.max(part, 0), 1) * side;
    context.beginPath();
    context.arc(inside(x), inside(y), 2 + 8 * Math.sqrt(weight / most), 0, 2 * Math.PI);
    context.fillStyle = "#ffb300aa";
    context.fill();
    context.strokeStyle = "#000c";
    context.lineWidth = 1;
    context.stroke();
  }
}
