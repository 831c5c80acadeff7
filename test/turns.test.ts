import { setImmediate as nextTurn } from "node:timers/promises";
import t from "tap";
import { Turns } from "../lib/model/turns.js";

t.test("few items are handed on at once", (t) => {
  const seen: number[] = [];
  const turns = new Turns<number>((item) => seen.push(item), 4);
  turns.add([1, 2, 3]);
  turns.add([]);
  turns.add([4, 5, 6, 7]);
  t.same(seen, [1, 2, 3, 4, 5, 6, 7]);
  t.end();
});

t.test("many are handed on in order, others having their turns between", async (t) => {
  const seen: number[] = [];
  const counts: number[] = [];
  const turns = new Turns<number>((item) => seen.push(item), 10);
  let next = 0;
  const more = (count: number) => turns.add(Array.from({ length: count }, () => next++));
  more(25);
  counts.push(seen.length);
  // Comes while others wait: nothing overtakes.
  more(7);
  counts.push(seen.length);
  for (let turn = 0; turn < 4; turn++) {
    await nextTurn();
    counts.push(seen.length);
  }
  more(3);
  counts.push(seen.length);
  t.same(counts, [10, 10, 20, 30, 32, 32, 35]);
  t.same(
    seen,
    Array.from({ length: 35 }, (_, i) => i),
  );
});

t.test("a source that is always ahead loses nothing", async (t) => {
  let sum = 0;
  let expected = 0;
  const turns = new Turns<number>((item) => (sum += item), 3);
  for (let i = 1; i <= 300; i++) {
    turns.add([i, 2 * i, 3 * i, 4 * i]);
    expected += 10 * i;
    if (i % 2 === 0) await nextTurn();
  }
  for (let turn = 0; turn < 400 && sum < expected; turn++) await nextTurn();
  t.equal(sum, expected);
});

t.test("what throws is told, and those behind it are still handed on", async (t) => {
  const seen: number[] = [];
  const turns = new Turns<number>((item) => {
    if (item === 1) throw new Error("one");
    seen.push(item);
  }, 2);
  t.throws(() => turns.add([0, 1, 2, 3, 4]), /one/);
  await nextTurn();
  await nextTurn();
  t.same(seen, [0, 2, 3, 4]);
});
