import { elementBytes, elementCount, formatShape, isShape, rowMajorStrides } from "./dtypes.js";
import { checkpointError, quote } from "./fail.js";
import { type PickleHooks, unpickle } from "./pickle.js";
import { Dict, describeKey, PickleError, type PickleValue, Tuple } from "./pickle-values.js";
import type { RawTensor, WeightFile } from "./weight-file.js";
import { readZip, type ZipEntry } from "./zip.js";

/** A 7B state dict has 60 kB of pickle. */
const MAX_PICKLE_BYTES = 32 * 2 ** 20;

/** torch's storage classes and the dtype of their elements in safetensors' spelling. */
const STORAGE_DTYPES = new Map<string, string>([
  ["FloatStorage", "F32"],
  ["BFloat16Storage", "BF16"],
  ["HalfStorage", "F16"],
  ["DoubleStorage", "F64"],
  ["LongStorage", "I64"],
  ["IntStorage", "I32"],
  ["ShortStorage", "I16"],
  ["CharStorage", "I8"],
  ["ByteStorage", "U8"],
  ["BoolStorage", "BOOL"],
]);

class StorageClass {
  constructor(readonly dtype: string) {}
}
class Storage {
  constructor(
    readonly dtype: string,
    readonly key: string,
    readonly elements: number,
  ) {}
}
class Tensor {
  constructor(
    readonly storage: Storage,
    readonly firstElement: number,
    readonly shape: number[],
    readonly strides: number[],
  ) {}
}

const ORDERED_DICT = Object.freeze({ global: "collections.OrderedDict" });
const REBUILD_TENSOR = Object.freeze({ global: "torch._utils._rebuild_tensor_v2" });
const REBUILD_PARAMETER = Object.freeze({ global: "torch._utils._rebuild_parameter" });

/**
 * Reads the table of a `.bin` file as torch.save writes it since 1.6: a zip of `data.pkl`, a state dict whose
 * tensors point into storages, and one stored entry `data/<key>` per storage.
 */
export async function readTorchZip(file: WeightFile): Promise<RawTensor[]> {
  const entries = await readZip(file);
  const prefix = archivePrefix(file, entries);
  await checkByteOrder(file, entries.get(`${prefix}byteorder`));
  const pickle = entries.get(`${prefix}data.pkl`)!;
  if (pickle.size > MAX_PICKLE_BYTES) {
    throw checkpointError(
      `${file.path}: data.pkl has ${pickle.size} bytes; at most ${MAX_PICKLE_BYTES} are read.`,
    );
  }
  const tensors: RawTensor[] = [];
  for (const [name, value] of readStateDict(file, await file.read(pickle.offset, pickle.size))) {
    if (typeof name !== "string" || !(value instanceof Tensor)) {
      throw checkpointError(
        `${file.path}: the pickle holds ${describeKey(name)}, which is not a tensor; a plain state dict was expected.`,
      );
    }
    tensors.push(locate(file, name, value, entries.get(`${prefix}data/${value.storage.key}`)));
  }
  return tensors;
}

/** torch names the archive's top folder after the file or "archive"; any name will do. */
function archivePrefix(file: WeightFile, entries: ReadonlyMap<string, ZipEntry>): string {
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    throw checkpointError(`${file.path} holds ${pickles.length} entries …/data.pkl; torch.save writes one.`);
  }
  return pickles[0]!.slice(0, -"data.pkl".length);
}

async function checkByteOrder(file: WeightFile, entry: ZipEntry | undefined): Promise<void> {
  if (entry === undefined) return; // written since torch 2.1 only
  const order = (await file.read(entry.offset, Math.min(entry.size, 16))).toString("latin1");
  if (order !== "little") {
    throw checkpointError(
      `${file.path} has the byte order ${quote(order)}; only little-endian files are read.`,
    );
  }
}

function readStateDict(file: WeightFile, bytes: Buffer): Map<PickleValue, PickleValue> {
  try {
    const value = unpickle(bytes, HOOKS);
    if (!(value instanceof Dict)) throw new PickleError("holds something that is not a dict of tensors");
    return value.entries;
  } catch (error) {
    if (!(error instanceof PickleError)) throw error;
    throw checkpointError(`${file.path}: its pickle ${error.message}.`, error);
  }
}

const HOOKS: PickleHooks = {
  global(module, name) {
    const full = `${module}.${name}`;
    for (const known of [ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER]) {
      if (known.global === full) return known;
    }
    const dtype = module === "torch" ? STORAGE_DTYPES.get(name) : undefined;
    if (dtype !== undefined) return new StorageClass(dtype);
    throw new PickleError(
      `asks for ${quote(full)}, which no state dict of tensors needs; the file may be malicious and nothing of it was executed`,
    );
  },

  call(callable, args) {
    if (callable === ORDERED_DICT && args.length === 0) return new Dict();
    if (callable === REBUILD_TENSOR) return rebuildTensor(args);
    if (callable === REBUILD_PARAMETER && args[0] instanceof Tensor) return args[0];
    throw new PickleError("makes a call that rebuilds no tensor");
  },

  /** ('storage', class, key, device, elements) */
  persistent(id) {
    const [kind, type, key, , elements] = id instanceof Tuple ? id.items : [];
    if (
      kind !== "storage" ||
      !(type instanceof StorageClass) ||
      typeof key !== "string" ||
      !isSize(elements)
    ) {
      throw new PickleError("has a persistent id that is not a storage");
    }
    return new Storage(type.dtype, key, elements);
  },
};

/** _rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks) */
function rebuildTensor(args: readonly PickleValue[]): Tensor {
  const [storage, firstElement, size, stride] = args;
  const shape = size instanceof Tuple ? [...size.items] : undefined;
  const strides = stride instanceof Tuple ? [...stride.items] : undefined;
  if (!(storage instanceof Storage) || !isSize(firstElement) || !isShape(shape) || !isShape(strides)) {
    throw new PickleError("rebuilds a tensor from something else than storage, offset, sizes and strides");
  }
  if (shape.length !== strides.length)
    throw new PickleError("rebuilds a tensor with more or fewer strides than sizes");
  return new Tensor(storage, firstElement, shape, strides);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function locate(file: WeightFile, name: string, tensor: Tensor, entry: ZipEntry | undefined): RawTensor {
  const { storage, firstElement, shape, strides } = tensor;
  const refuse = (problem: string) => checkpointError(`${file.path}: tensor ${quote(name)} ${problem}.`);
  if (entry === undefined) throw refuse(`lies in the storage ${quote(storage.key)}, which the archive lacks`);
  const bytes = elementBytes(storage.dtype)!;
  if (storage.elements * bytes !== entry.size) {
    throw refuse(
      `lies in a storage of ${storage.elements} ${storage.dtype} elements, but its entry has ${entry.size} bytes`,
    );
  }
  const count = elementCount(shape);
  const span = count === 0 ? 0 : shape.reduce((end, dim, i) => end + (dim - 1) * strides[i]!, 1);
  // More elements than the storage has means strides of zero: a small file could claim any size.
  if (count === undefined || count > storage.elements || firstElement + span > storage.elements) {
    throw refuse(
      `of shape ${formatShape(shape)} does not fit in its storage of ${storage.elements} elements`,
    );
  }
  const contiguous = rowMajorStrides(shape).every((step, i) => shape[i]! <= 1 || step === strides[i]);
  return {
    name,
    dtype: storage.dtype,
    shape,
    offset: entry.offset + firstElement * bytes,
    byteLength: span * bytes,
    ...(count === 0 || contiguous ? {} : { strides }),
  };
}
