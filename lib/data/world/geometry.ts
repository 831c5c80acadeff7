import type { Box } from "./scene.js";

export type Point = readonly [x: number, y: number];

/** The convex hull of points (Andrew's monotone chain), in order around it. */
export function convexHull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const chain = (ordered: readonly Point[]) => {
    const hull: Point[] = [];
    for (const point of ordered) {
      while (hull.length >= 2 && turn(hull.at(-2)!, hull.at(-1)!, point) <= 0) hull.pop();
      hull.push(point);
    }
    return hull.slice(0, -1);
  };
  return [...chain(sorted), ...chain(sorted.reverse())];
}

function turn(a: Point, b: Point, c: Point): number {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

/** The smallest box around boxes. */
export function unionOf(boxes: readonly Box[]): Box {
  const union: Box = [...boxes[0]!];
  for (const [x0, y0, x1, y1] of boxes) {
    union[0] = Math.min(union[0], x0);
    union[1] = Math.min(union[1], y0);
    union[2] = Math.max(union[2], x1);
    union[3] = Math.max(union[3], y1);
  }
  return union;
}

export function areaOf([x0, y0, x1, y1]: Box): number {
  return Math.max(0, x1 - x0) * Math.max(0, y1 - y0);
}

export function intersectionOf(a: Box, b: Box): number {
  return areaOf([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);
}

/** Intersection over union, 0 for boxes without area. */
export function iou(a: Box, b: Box): number {
  const intersection = intersectionOf(a, b);
  const union = areaOf(a) + areaOf(b) - intersection;
  return union > 0 ? intersection / union : 0;
}

export function centreOf([x0, y0, x1, y1]: Box): Point {
  return [(x0 + x1) / 2, (y0 + y1) / 2];
}
