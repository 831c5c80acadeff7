import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { readTorchZip } from "../lib/checkpoint/torch-zip.js";
import { withWeightFile } from "../lib/checkpoint/weight-file.js";
import { HoneybeeError } from "../lib/errors.js";
import { withTempFolder } from "./support/checkpoint-checks.js";
import { safetensorsBytes } from "./support/safetensors.js";
import {
  pickle,
  rebuild,
  stateDictPickle,
  type TorchTensor,
  torchItems,
  zipBytes,
} from "./support/torch-zip.js";

const read = (bytes: Uint8Array) =>
  withTempFolder(async (folder) => {
    const path = join(folder, "pytorch_model.bin");
    writeFileSync(path, bytes);
    return await withWeightFile(path, readTorchZip);
  });
const readProgram = (program: Buffer) => read(zipBytes(torchItems({ w: SIMPLE }, { program })));

const refusal = (message: RegExp) => ({ name: "HoneybeeError", code: "ERR_CHECKPOINT", message });
const SIMPLE: TorchTensor = { storageClass: "FloatStorage", shape: [2, 3], data: Buffer.alloc(24, 7) };

t.test("tensors are found under any archive name, in zip64 too", async (t) => {
  const tensors = {
    w: SIMPLE,
    h: { storageClass: "HalfStorage", shape: [4], data: Buffer.from("halffloa") },
  };
  const items = torchItems(tensors, { prefix: "a name.of 1996" });
  for (const bytes of [
    zipBytes(items),
    zipBytes(items, { zip64: true }),
    zipBytes(
      items.map((item) => ({ ...item, zip64: true })),
      { zip64: true },
    ),
  ]) {
    const [w, h] = await read(bytes);
    t.match(w, { name: "w", dtype: "F32", shape: [2, 3], byteLength: 24 });
    t.match(h, { name: "h", dtype: "F16", shape: [4], byteLength: 8 });
    t.equal(bytes.toString("latin1", h!.offset, h!.offset + 8), "halffloa");
    t.equal(h!.strides, undefined);
  }
});

t.test("views into a storage keep their place, strides only where they matter", async (t) => {
  const transposed = { ...SIMPLE, shape: [3, 2], strides: [1, 3] };
  const [plain] = await read(zipBytes(torchItems({ w: SIMPLE })));
  const [view] = await read(zipBytes(torchItems({ w: transposed })));
  t.match(view, { shape: [3, 2], strides: [1, 3], byteLength: 24 });
  const row = { ...SIMPLE, shape: [1, 3], strides: [99, 1], firstElement: 3 };
  const [second] = await read(zipBytes(torchItems({ w: row })));
  t.equal(second?.strides, undefined, "the stride of a dim of size 1 does not count");
  t.equal(second!.offset, plain!.offset + 12);
  t.equal(second?.byteLength, 12);
});

t.test("a Parameter, an OrderedDict with _metadata and memoised values are plain data", async (t) => {
  const parameter = pickle.call(
    pickle.global("torch._utils", "_rebuild_parameter"),
    rebuild(SIMPLE, 0),
    pickle.raw(0x88),
    pickle.call(pickle.global("collections", "OrderedDict")),
  );
  const program = pickle.program(
    pickle.call(pickle.global("collections", "OrderedDict")),
    pickle.op("q\0("),
    pickle.text("w"),
    pickle.op("q\x01"),
    parameter,
    pickle.op("u}"),
    pickle.text("_metadata"),
    pickle.op("h\0sb"),
  );
  t.match(await readProgram(program), [{ name: "w", shape: [2, 3] }]);
});

t.test("globals that could do something are refused by name", async (t) => {
  for (const [module, name] of [
    ["os", "system"],
    ["posix", "system"],
    ["builtins", "eval"],
    ["__builtin__", "exec"],
    ["subprocess", "Popen"],
    ["torch", "load"],
    ["torch._utils", "_rebuild_qtensor"],
    ["torch", "constructor"],
  ] as const) {
    const attack = pickle.program(pickle.call(pickle.global(module, name), pickle.text("touch owned")));
    await t.rejects(
      readProgram(attack),
      refusal(new RegExp(`asks for "${module}\\.${name}".*nothing of it was executed`)),
    );
  }
  const stackGlobal = pickle.program(pickle.text("os"), pickle.text("system"), pickle.raw(0x93));
  await t.rejects(readProgram(stackGlobal), refusal(/asks for "os\.system"/));
});

t.test("programs that are no state dict are refused", async (t) => {
  const refused: [string, Buffer, RegExp][] = [
    ["empty", Buffer.alloc(0), /ends in the middle/],
    ["protocol 0", Buffer.from("(dp0\n."), /protocol number/],
    ["protocol 9", Buffer.from([0x80, 9, 0x7d, 0x2e]), /protocol 9/],
    ["a list", pickle.program(pickle.op("]")), /not a dict of tensors/],
    [
      "a number for a tensor",
      pickle.program(pickle.op("}"), pickle.text("epoch"), pickle.op("K\x01s")),
      /"epoch", which is not a tensor/,
    ],
    ["a key that is no text", pickle.program(pickle.op("}]K\x01s")), /a key that is not text/],
    [
      "a key that contains itself",
      pickle.program(pickle.op("}(]q\0h\0aNh\0Nu")),
      /a key that is not text twice/,
    ],
    ["pop of nothing", pickle.program(pickle.op("R")), /empty stack/],
    ["pop across a mark", pickle.program(pickle.op("}(s")), /empty stack/],
    ["no mark", pickle.program(pickle.op("}u")), /no mark/],
    ["left over", pickle.program(pickle.op("NN")), /left over/],
    ["unset memo", pickle.program(pickle.op("h\x07")), /memo 7/],
    ["deep marks", pickle.program(pickle.op("(".repeat(100))), /nests deeper than 64/],
    ["INST", pickle.program(pickle.op("(ios\nsystem\n")), /opcode 0x69/],
    ["NEWOBJ", pickle.program(pickle.op("N)\x81")), /opcode 0x81/],
    ["huge text", pickle.program(pickle.op("X\xff\xff\xff\xff")), /ends in the middle/],
    ["huge integer", pickle.program(pickle.op("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f")), /integer/],
    [
      "the same name twice",
      pickle.program(pickle.op("}("), pickle.text("w"), pickle.op("N"), pickle.text("w"), pickle.op("Nu")),
      /"w" twice/,
    ],
    ["a persistent id of text", pickle.program(pickle.text("0"), pickle.op("Q")), /not a storage/],
    ["a call of a dict", pickle.program(pickle.op("})R")), /rebuilds no tensor/],
    ["endless", pickle.program(Buffer.alloc(10_000_000, "N0")), /opcode/],
    ["too many steps", pickle.program(Buffer.alloc(2 ** 22 + 1, "N")), /more than 4194304 opcodes/],
  ];
  for (const [what, program, message] of refused)
    await t.rejects(readProgram(program), refusal(message), what);
});

t.test("tensors must fit in their storages, and storages in their entries", async (t) => {
  const refused: [Partial<TorchTensor>, RegExp][] = [
    [{ shape: [7] }, /does not fit in its storage of 6/],
    [{ firstElement: 1 }, /does not fit/],
    [{ firstElement: -1 }, /offset/],
    [{ strides: [1000, 1] }, /does not fit/],
    [{ strides: [-3, 1] }, /strides/],
    [{ strides: [3] }, /more or fewer strides/],
    [{ shape: [1000, 1000], strides: [0, 0] }, /does not fit/],
    [{ shape: [2 ** 40, 2 ** 40], strides: [0, 0] }, /does not fit/],
    [{ elements: 7 }, /storage of 7 F32 elements, but its entry has 24 bytes/],
    [{ elements: 2 ** 52 }, /but its entry has 24 bytes/],
  ];
  for (const [change, message] of refused) {
    await t.rejects(
      read(zipBytes(torchItems({ w: { ...SIMPLE, ...change } }))),
      refusal(message),
      JSON.stringify(change),
    );
  }
  const items = torchItems({ w: SIMPLE }).filter(({ name }) => !name.endsWith("/0"));
  await t.rejects(read(zipBytes(items)), refusal(/storage "0", which the archive lacks/));
});

t.test("archives that torch does not write are refused", async (t) => {
  const items = torchItems({ w: SIMPLE });
  const compressed = items.map((item) => ({ ...item, method: 8 }));
  await t.rejects(read(zipBytes(compressed)), refusal(/is compressed or encrypted/));
  await t.rejects(read(zipBytes([...items, items[0]!])), refusal(/two entries/));
  await t.rejects(
    read(zipBytes([...items, { ...items[0]!, name: "b/data.pkl" }])),
    refusal(/2 entries …\/data\.pkl/),
  );
  await t.rejects(read(zipBytes([])), refusal(/not a zip archive/));
  await t.rejects(
    read(zipBytes(torchItems({ w: SIMPLE }, { byteOrder: "big" }))),
    refusal(/byte order "big"/),
  );
});

t.test("other files are named for what they are", async (t) => {
  await t.rejects(read(Buffer.alloc(0)), refusal(/it is empty/));
  await t.rejects(read(Buffer.alloc(64, "text ")), refusal(/it is text/));
  await t.rejects(
    read(stateDictPickle({ w: SIMPLE })),
    refusal(/since 1\.6: it is a bare pickle; convert an older file/),
  );
  const safetensors = safetensorsBytes({ a: { dtype: "U8", shape: [99], data: Buffer.alloc(99) } });
  await t.rejects(read(safetensors), refusal(/it is a safetensors file/));
});

t.test("every truncation is refused, and no flipped bit does worse", async (t) => {
  const bytes = zipBytes(torchItems({ w: SIMPLE }), { zip64: true });
  for (let length = 0; length < bytes.length; length += 3) {
    await t.rejects(read(bytes.subarray(0, length)), HoneybeeError, `${length} bytes`);
  }
  for (let at = 0; at < bytes.length; at++) {
    const copy = Buffer.from(bytes);
    copy[at] = copy[at]! ^ (1 << (at % 8));
    const result = await read(copy).catch((error: unknown) => error);
    if (result instanceof Error) t.type(result, HoneybeeError, `byte ${at}`);
  }
});
