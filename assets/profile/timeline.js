// The timeline of a report: operations and gaps on tracks, drawn on a canvas.
import { detailOf, firstEndingAfter, fit, niceStep, timeText, zoomed } from "./view.js";

const LAYER_HEIGHT = 16;
const SLICE_HEIGHT = 26;
const TRACK_SPACE = 22;
const AXIS_HEIGHT = 22;

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const profile = read("profile");
const tracks = read("tracks");
const canvas = document.getElementById("time");
const detail = document.getElementById("detail");
const pen = canvas.getContext("2d");

const all = fit(tracks);
let view = all;
/** The slice that is told about: {track, slice}. */
let chosen;
let waiting = false;

const entryOf = (track, slice) => (track.kind === "gap" ? profile.gaps : profile.ops)[slice[0]];
const colorClass = (track, slice) => (track.kind === "gap" ? "gap" : entryOf(track, slice).stage);
const heightOf = (track) => TRACK_SPACE + (track.layers.length > 0 ? LAYER_HEIGHT : 0) + SLICE_HEIGHT;
const totalHeight = tracks.reduce((sum, track) => sum + heightOf(track), AXIS_HEIGHT);

/** Colours of the style sheet, which follow light and dark. */
function colors() {
  const swatches = document.querySelectorAll("#legend i");
  const named = [...swatches].map((i) => [i.className, getComputedStyle(i).color]);
  const { color, backgroundColor, borderTopColor } = getComputedStyle(canvas);
  return { ...Object.fromEntries(named), text: color, back: backgroundColor, line: borderTopColor };
}

function draw() {
  waiting = false;
  const width = canvas.clientWidth;
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(totalHeight * scale);
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  const palette = colors();
  drawAxis(width, palette);
  let top = AXIS_HEIGHT;
  for (const track of tracks) {
    drawTrack(track, top, width, palette);
    top += heightOf(track);
  }
}

const xOf = (ns, width) => ((ns - view.from) / (view.to - view.from)) * width;

function drawAxis(width, palette) {
  const step = niceStep((view.to - view.from) / Math.max(2, width / 110));
  pen.textAlign = "left";
  for (let ns = Math.ceil(view.from / step) * step; ns <= view.to; ns += step) {
    const x = xOf(ns, width);
    pen.fillStyle = palette.line;
    pen.fillRect(x, 0, 1, totalHeight);
    pen.fillStyle = palette.text;
    pen.fillText(timeText(ns, step, profile.clock), x + 4, AXIS_HEIGHT / 2);
  }
}

function drawTrack(track, top, width, palette) {
  pen.textAlign = "left";
  pen.fillStyle = palette.text;
  pen.fillText(track.name, 4, top + TRACK_SPACE / 2);
  top += TRACK_SPACE;
  if (track.layers.length > 0) {
    eachVisible(track.layers, width, (layer, x, wide) => {
      const isWide = pen.measureText(layer[0]).width < wide - 8;
      box(x, top, wide, LAYER_HEIGHT - 2, palette.line, isWide ? layer[0] : "", palette.text);
    });
    top += LAYER_HEIGHT;
  }
  eachVisible(track.slices, width, (slice, x, wide) => {
    box(
      x,
      top,
      wide,
      SLICE_HEIGHT,
      palette[colorClass(track, slice)],
      entryOf(track, slice).name,
      palette.back,
    );
    if (chosen?.slice === slice) {
      pen.strokeStyle = palette.text;
      pen.lineWidth = 2;
      pen.strokeRect(x, top + 1, Math.max(2, wide), SLICE_HEIGHT - 2);
    }
  });
}

/** What is in view, at least a pixel wide; of those that fall on one pixel the first. */
function eachVisible(slices, width, paint) {
  let drawnTo = Number.NEGATIVE_INFINITY;
  for (let i = firstEndingAfter(slices, view.from); i < slices.length && slices[i][1] <= view.to; i++) {
    const x = xOf(slices[i][1], width);
    const end = Math.max(x + 1, xOf(slices[i][2], width));
    if (end <= drawnTo + 0.5) continue;
    paint(slices[i], Math.max(x, -1), Math.min(end, width + 1) - Math.max(x, -1));
    drawnTo = end;
  }
}

function box(x, y, width, height, color, label, ink) {
  pen.fillStyle = color;
  pen.fillRect(x, y, width > 3 ? width - 0.5 : width, height);
  if (width < 24) return;
  pen.save();
  pen.beginPath();
  pen.rect(x, y, width - 3, height);
  pen.clip();
  pen.fillStyle = ink;
  pen.fillText(label, x + 4, y + height / 2);
  pen.restore();
}

function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(draw);
}

function show(next) {
  view = next;
  redraw();
}

function choose(track, slice) {
  if (chosen?.slice === slice) return;
  chosen = { track, slice };
  detail.textContent = detailOf(track.kind, entryOf(track, slice), slice, profile.roofs);
  redraw();
}

/** Chooses the neighbour in the order of the track, and brings it into view. */
function step(by) {
  const track = chosen?.track ?? tracks[0];
  if (!track) return;
  const at = chosen ? track.slices.indexOf(chosen.slice) + by : firstEndingAfter(track.slices, view.from);
  const slice = track.slices[at];
  if (!slice) return;
  choose(track, slice);
  const half = (view.to - view.from) / 2;
  const middle = (slice[1] + slice[2]) / 2;
  if (slice[1] < view.from || slice[2] > view.to)
    show(zoomed({ from: middle - half, to: middle + half }, 1, 0.5, all));
}

function press(key) {
  const move = (view.to - view.from) / 5;
  if (key === "ArrowLeft") show(zoomed({ from: view.from - move, to: view.to - move }, 1, 0.5, all));
  else if (key === "ArrowRight") show(zoomed({ from: view.from + move, to: view.to + move }, 1, 0.5, all));
  else if (key === "+" || key === "=") show(zoomed(view, 0.5, 0.5, all));
  else if (key === "-") show(zoomed(view, 2, 0.5, all));
  else if (key === "0" || key === "Home") show(all);
  else if (key === "n") step(1);
  else if (key === "p") step(-1);
  else return false;
  return true;
}

/** The slice at a place of the canvas. */
function sliceAt({ offsetX, offsetY }) {
  const ns = view.from + (offsetX / canvas.clientWidth) * (view.to - view.from);
  const pixel = (view.to - view.from) / canvas.clientWidth;
  let top = AXIS_HEIGHT;
  for (const track of tracks) {
    top += heightOf(track);
    if (offsetY >= top || offsetY < top - SLICE_HEIGHT) continue;
    const slice = track.slices[firstEndingAfter(track.slices, ns - pixel)];
    return slice && slice[1] <= ns + pixel ? { track, slice } : undefined;
  }
  return undefined;
}

/** Fingers or buttons that are down, by their id, with where they were last. */
const held = new Map();

function moved(event) {
  const before = held.get(event.pointerId);
  if (!before) {
    const found = sliceAt(event);
    if (found) choose(found.track, found.slice);
    return;
  }
  const width = canvas.clientWidth;
  const nsOfPixel = (view.to - view.from) / width;
  if (held.size === 1) {
    const shift = (before.offsetX - event.offsetX) * nsOfPixel;
    show(zoomed({ from: view.from + shift, to: view.to + shift }, 1, 0.5, all));
  } else {
    const other = [...held.entries()].find(([id]) => id !== event.pointerId)[1];
    const apart = (a, b) => Math.max(10, Math.abs(a.offsetX - b.offsetX));
    show(zoomed(view, apart(before, other) / apart(event, other), other.offsetX / width, all));
  }
  held.set(event.pointerId, event);
}

if (tracks.length > 0) {
  document.getElementById("lines").hidden = false;
  canvas.style.height = `${totalHeight}px`;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, event);
    const found = sliceAt(event);
    if (found) choose(found.track, found.slice);
  });
  canvas.addEventListener("pointermove", moved);
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, ({ pointerId }) => held.delete(pointerId));
  canvas.addEventListener(
    "wheel",
    (event) => {
      const { ctrlKey, metaKey, shiftKey, deltaX, deltaY, offsetX } = event;
      const width = canvas.clientWidth;
      const sideways = shiftKey ? deltaX || deltaY : deltaX;
      if (ctrlKey || metaKey) show(zoomed(view, Math.exp(deltaY / 300), offsetX / width, all));
      else if (sideways !== 0) {
        const shift = (sideways / width) * (view.to - view.from);
        show(zoomed({ from: view.from + shift, to: view.to + shift }, 1, 0.5, all));
      } else return;
      event.preventDefault();
    },
    { passive: false },
  );
  canvas.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && press(event.key)) event.preventDefault();
  });
  for (const button of document.querySelectorAll("[data-key]"))
    button.addEventListener("click", () => press(button.dataset.key));
  window.addEventListener("resize", redraw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  draw();
}
