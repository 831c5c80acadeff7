import { appendFileSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { readSafetensors } from "../lib/checkpoint/safetensors.js";
import { withWeightFile } from "../lib/checkpoint/weight-file.js";
import { HoneybeeError } from "../lib/errors.js";
import { withTempFolder } from "./support/checkpoint-checks.js";
import { float32Tensor, safetensorsBytes, withHeader } from "./support/safetensors.js";
import { zipBytes } from "./support/torch-zip.js";

const read = (bytes: Uint8Array) =>
  withTempFolder(async (folder) => {
    const path = join(folder, "model.safetensors");
    writeFileSync(path, bytes);
    return await withWeightFile(path, readSafetensors);
  });

const refusal = (message: RegExp) => ({ name: "HoneybeeError", code: "ERR_CHECKPOINT", message });
const entry = (dtype: string, shape: unknown, range: unknown) =>
  JSON.stringify({ x: { dtype, shape, data_offsets: range } });

t.test("tables are read whatever the order of names", async (t) => {
  const bytes = safetensorsBytes({
    b: float32Tensor([2, 2], [1, 2, 3, 4]),
    a: float32Tensor([0], []),
    c: float32Tensor([], [5]),
  });
  const start = 8 + Number(bytes.readBigUInt64LE());
  t.same(await read(bytes), [
    { name: "b", dtype: "F32", shape: [2, 2], offset: start, byteLength: 16 },
    { name: "a", dtype: "F32", shape: [0], offset: start + 16, byteLength: 0 },
    { name: "c", dtype: "F32", shape: [], offset: start + 16, byteLength: 4 },
  ]);
});

t.test("__metadata__ is not a tensor, __proto__ is", async (t) => {
  const header =
    '{"__metadata__":{"format":"pt"},"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}';
  t.match(await read(withHeader(header, Buffer.alloc(1))), [{ name: "__proto__" }]);
});

t.test("files that are something else are named for what they are", async (t) => {
  await t.rejects(read(Buffer.alloc(0)), refusal(/0 bytes: it is empty/));
  await t.rejects(read(Buffer.from("abc")), refusal(/it is text/));
  await t.rejects(read(zipBytes([{ name: "a", data: Buffer.alloc(9) }])), refusal(/it is a zip archive/));
  await t.rejects(read(Buffer.from("version https://git-lfs.github.com/spec/v1\n")), refusal(/git lfs pull/));
  await withTempFolder(async (folder) => {
    mkdirSync(join(folder, "x"));
    await t.rejects(withWeightFile(join(folder, "x"), readSafetensors), refusal(/not a regular file/));
    await t.rejects(withWeightFile(join(folder, "y"), readSafetensors), refusal(/does not exist/));
  });
});

t.test("header lengths are bounded before anything is allocated", async (t) => {
  for (const length of [0n, 1n, 100n, 2n ** 31n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    const bytes = withHeader("{}");
    bytes.writeBigUInt64LE(length);
    await t.rejects(read(bytes), refusal(/announce a header|not a safetensors/), String(length));
  }
  await withTempFolder(async (folder) => {
    const path = join(folder, "sparse.safetensors");
    const bytes = withHeader("{}");
    bytes.writeBigUInt64LE(2n ** 40n);
    writeFileSync(path, bytes);
    truncateSync(path, 2 ** 41); // a sparse file as large as the header claims
    await t.rejects(withWeightFile(path, readSafetensors), refusal(/at most 33554432/));
  });
});

t.test("headers that lie are refused by tensor", async (t) => {
  const four = Buffer.alloc(4);
  await t.rejects(read(withHeader("{]")), refusal(/not valid JSON/));
  await t.rejects(read(withHeader(`{${"[".repeat(100_000)}`)), refusal(/not valid JSON/));
  await t.rejects(read(withHeader('{"x":1}')), refusal(/"x" has no description/));
  await t.rejects(read(withHeader(entry("Q4", [1], [0, 4]), four)), refusal(/unknown dtype "Q4"/));
  await t.rejects(read(withHeader(entry("F32", [-1], [0, 4]), four)), refusal(/shape/));
  await t.rejects(read(withHeader(entry("F32", [1.5], [0, 4]), four)), refusal(/shape/));
  await t.rejects(read(withHeader(entry("F32", "1", [0, 4]), four)), refusal(/shape/));
  await t.rejects(
    read(withHeader(entry("F32", [2 ** 40, 2 ** 40], [0, 4]), four)),
    refusal(/takes another number/),
  );
  await t.rejects(read(withHeader(entry("F32", [2], [0, 4]), four)), refusal(/has 4 bytes, but F32 \[2\]/));
  await t.rejects(read(withHeader(entry("F32", [1], [4, 0]), four)), refusal(/data_offsets/));
  await t.rejects(read(withHeader(entry("F32", [1], [0, 4, 8]), four)), refusal(/data_offsets/));
  await t.rejects(read(withHeader(entry("F32", [1], [0, 4]), Buffer.alloc(3))), refusal(/truncated/));
});

t.test("overlaps, holes and trailing bytes are refused", async (t) => {
  const two = (b: number[]) =>
    JSON.stringify({
      a: { dtype: "U8", shape: [4], data_offsets: [0, 4] },
      b: { dtype: "U8", shape: [b[1]! - b[0]!], data_offsets: b },
    });
  t.equal((await read(withHeader(two([4, 8]), Buffer.alloc(8)))).length, 2);
  await t.rejects(read(withHeader(two([2, 6]), Buffer.alloc(8))), refusal(/"b" overlaps another/));
  await t.rejects(read(withHeader(two([0, 4]), Buffer.alloc(4))), refusal(/overlaps another/));
  await t.rejects(
    read(withHeader(two([5, 8]), Buffer.alloc(8))),
    refusal(/1 bytes before "b" belong to no tensor/),
  );
  await t.rejects(
    read(withHeader(two([4, 8]), Buffer.alloc(9))),
    refusal(/last 1 bytes belong to no tensor/),
  );
});

t.test("a name given twice is refused, however it is written", async (t) => {
  const x = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}';
  await t.rejects(read(withHeader(`{"x":${x},"x":${x}}`)), refusal(/names "x" twice/));
  await t.rejects(read(withHeader(`{"x":${x},"\\u0078" :${x}}`)), refusal(/names "x" twice/));
  t.equal((await read(withHeader(`{"x":${x},"\\"x":${x},"dtype":${x}}`))).length, 3);
});

t.test("every truncation of a file is refused", async (t) => {
  const bytes = safetensorsBytes({
    a: float32Tensor([8], Array(8).fill(1)),
    b: float32Tensor([3, 2], Array(6).fill(2)),
  });
  for (let length = 0; length < bytes.length; length++) {
    await t.rejects(read(bytes.subarray(0, length)), HoneybeeError, `${length} bytes`);
  }
});

t.test("a file that shrinks while it is read is named", async (t) => {
  await withTempFolder(async (folder) => {
    const path = join(folder, "model.safetensors");
    appendFileSync(path, safetensorsBytes({ a: float32Tensor([64], Array(64).fill(1)) }));
    await withWeightFile(path, async (file) => {
      truncateSync(path, 20);
      await t.rejects(file.read(0, 100), refusal(/ends at byte 20, but 100 were expected/));
    });
  });
});
