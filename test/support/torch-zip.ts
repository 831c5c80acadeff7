import { writeFileSync } from "node:fs";
import { crc32 } from "node:zlib";

/** An entry of a zip archive; the fields beyond `data` plant faults. */
export interface ZipItem {
  name: string;
  data: Uint8Array;
  /** 8 claims deflate. */
  method?: number;
  /** Sizes and position go to zip64 extra fields. */
  zip64?: boolean;
}

/** A zip archive of stored entries, data aligned to 64 bytes as torch aligns it. */
export function zipBytes(items: readonly ZipItem[], { zip64 = false } = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  const put = (part: Uint8Array) => {
    parts.push(Buffer.from(part));
    position += part.length;
  };
  for (const item of items) {
    const name = Buffer.from(item.name);
    const header = position;
    const padding = 4 + ((64 - ((header + 34 + name.length) % 64)) % 64);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(item.method ?? 0, 8);
    local.writeUInt32LE(crc32(item.data), 14);
    local.writeUInt32LE(item.data.length, 18);
    local.writeUInt32LE(item.data.length, 22);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(padding, 28);
    const extra = Buffer.alloc(padding, "Z");
    extra.write("FB");
    extra.writeUInt16LE(padding - 4, 2);
    for (const part of [local, name, extra, item.data]) put(part);
    directory.push(centralRecord(item, name, header));
  }
  const start = position;
  for (const record of directory) put(record);
  const size = position - start;
  if (zip64) for (const record of zip64End(items.length, size, start, position)) put(record);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(zip64 ? 0xffff : items.length, 8);
  end.writeUInt16LE(zip64 ? 0xffff : items.length, 10);
  end.writeUInt32LE(zip64 ? 0xffffffff : size, 12);
  end.writeUInt32LE(zip64 ? 0xffffffff : start, 16);
  put(end);
  return Buffer.concat(parts);
}

function centralRecord({ data, method = 0, zip64 = false }: ZipItem, name: Buffer, header: number): Buffer {
  const record = Buffer.alloc(46);
  record.writeUInt32LE(0x02014b50);
  record.writeUInt16LE(method, 10);
  record.writeUInt32LE(crc32(data), 16);
  record.writeUInt32LE(zip64 ? 0xffffffff : data.length, 20);
  record.writeUInt32LE(zip64 ? 0xffffffff : data.length, 24);
  record.writeUInt16LE(name.length, 28);
  record.writeUInt16LE(zip64 ? 28 : 0, 30);
  record.writeUInt32LE(zip64 ? 0xffffffff : header, 42);
  if (!zip64) return Buffer.concat([record, name]);
  const extra = Buffer.alloc(28);
  extra.writeUInt16LE(1);
  extra.writeUInt16LE(24, 2);
  [data.length, data.length, header].forEach((value, i) => {
    extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
  });
  return Buffer.concat([record, name, extra]);
}

function zip64End(entries: number, size: number, start: number, at: number): Buffer[] {
  const end = Buffer.alloc(56);
  end.writeUInt32LE(0x06064b50);
  end.writeBigUInt64LE(44n, 4);
  [entries, entries, size, start].forEach((value, i) => {
    end.writeBigUInt64LE(BigInt(value), 24 + 8 * i);
  });
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50);
  locator.writeBigUInt64LE(BigInt(at), 8);
  locator.writeUInt32LE(1, 16);
  return [end, locator];
}

/** Opcodes of pickle protocol 2, enough for a state dict and for attacks on its reader. */
export const pickle = {
  program: (...parts: Buffer[]) => Buffer.concat([Buffer.from([0x80, 2]), ...parts, Buffer.from(".")]),
  raw: (...bytes: number[]) => Buffer.from(bytes),
  op: (text: string) => Buffer.from(text, "latin1"),
  text(value: string): Buffer {
    const bytes = Buffer.from(value);
    const head = Buffer.alloc(5, "X");
    head.writeUInt32LE(bytes.length, 1);
    return Buffer.concat([head, bytes]);
  },
  /** LONG1, the form torch uses beyond 2^31. */
  integer(value: number): Buffer {
    const bytes = Buffer.alloc(10);
    bytes.writeUInt8(0x8a);
    bytes.writeUInt8(8, 1);
    bytes.writeBigInt64LE(BigInt(value), 2);
    return bytes;
  },
  global: (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`),
  tuple: (...items: Buffer[]) => Buffer.concat([Buffer.from("("), ...items, Buffer.from("t")]),
  call: (callable: Buffer, ...args: Buffer[]) =>
    Buffer.concat([callable, pickle.tuple(...args), Buffer.from("R")]),
};

/** A tensor of a torch file; the optional fields default to a contiguous tensor alone in its storage. */
export interface TorchTensor {
  storageClass: string;
  shape: number[];
  data: Uint8Array;
  strides?: number[];
  firstElement?: number;
  /** Elements that the pickle claims for the storage. */
  elements?: number;
}

const BYTES: Record<string, number> = { FloatStorage: 4, BFloat16Storage: 2, HalfStorage: 2, LongStorage: 8 };

/** The state dict of `tensors`, storages numbered in order. */
export function stateDictPickle(tensors: Record<string, TorchTensor>): Buffer {
  const items = Object.entries(tensors).flatMap(([name, tensor], i) => [
    pickle.text(name),
    rebuild(tensor, i),
  ]);
  return pickle.program(pickle.op("}("), ...items, pickle.op("u"));
}

/** `_rebuild_tensor_v2(storage, offset, size, stride, False, OrderedDict())` */
export function rebuild(tensor: TorchTensor, key: number): Buffer {
  const { storageClass, shape, data, firstElement = 0 } = tensor;
  const elements = tensor.elements ?? data.length / BYTES[storageClass]!;
  const strides = tensor.strides ?? shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const storage = pickle.tuple(
    pickle.text("storage"),
    pickle.global("torch", storageClass),
    pickle.text(String(key)),
    pickle.text("cpu"),
    pickle.integer(elements),
  );
  return pickle.call(
    pickle.global("torch._utils", "_rebuild_tensor_v2"),
    Buffer.concat([storage, pickle.op("Q")]),
    pickle.integer(firstElement),
    pickle.tuple(...shape.map(pickle.integer)),
    pickle.tuple(...strides.map(pickle.integer)),
    pickle.raw(0x89),
    pickle.call(pickle.global("collections", "OrderedDict")),
  );
}

/** The entries of a torch archive: pickle, byte order, one storage per tensor. */
export function torchItems(
  tensors: Record<string, TorchTensor>,
  { prefix = "archive", byteOrder = "little", program = stateDictPickle(tensors) } = {},
): ZipItem[] {
  return [
    { name: `${prefix}/data.pkl`, data: program },
    { name: `${prefix}/byteorder`, data: Buffer.from(byteOrder) },
    ...Object.values(tensors).map(({ data }, i) => ({ name: `${prefix}/data/${i}`, data })),
    { name: `${prefix}/version`, data: Buffer.from("3\n") },
  ];
}

/** Writes a `.bin` file as torch.save does. */
export function writeTorchZip(path: string, tensors: Record<string, TorchTensor>): void {
  writeFileSync(path, zipBytes(torchItems(tensors)));
}
