/**
 * A pickle machine for data only. It builds tuples, lists, dicts, strings and integers; names of globals, calls
 * and persistent ids go to hooks that know a fixed handful and refuse the rest, so nothing in a file is executed.
 * Opcodes: the subset of protocols 2-5 that torch.save emits for a state dict (CPython, pickletools).
 */

import { Dict, describeKey, List, PickleError, type PickleValue, Tuple } from "./pickle-values.js";

/** What the machine asks of its user; each returns a value or throws. */
export interface PickleHooks {
  global(module: string, name: string): object;
  call(callable: PickleValue, args: readonly PickleValue[]): PickleValue;
  persistent(id: PickleValue): object;
}

/** 16 opcodes a tensor: enough for a quarter of a million tensors. */
const MAX_STEPS = 2 ** 22;
/** Nested marks; a state dict needs four. */
const MAX_DEPTH = 64;

const op = (char: string) => char.charCodeAt(0);

/** Runs a pickle to its STOP and returns its value. */
export function unpickle(bytes: Buffer, hooks: PickleHooks): PickleValue {
  return new Machine(bytes, hooks).run();
}

class Machine {
  private position = 0;
  private readonly stack: PickleValue[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, PickleValue>();

  constructor(
    private readonly bytes: Buffer,
    private readonly hooks: PickleHooks,
  ) {}

  run(): PickleValue {
    if (this.byte() !== 0x80) throw new PickleError("does not begin with a protocol number");
    this.checkProtocol();
    for (let step = 0; step < MAX_STEPS; step++) {
      const code = this.byte();
      if (code === op(".")) {
        const value = this.pop();
        if (this.stack.length > 0 || this.marks.length > 0)
          throw new PickleError("stops with values left over");
        return value;
      }
      if (!(this.constant(code) || this.container(code) || this.reference(code))) {
        throw new PickleError(
          `has the opcode 0x${code.toString(16)} at byte ${this.position - 1}, which no state dict needs`,
        );
      }
    }
    throw new PickleError(`has more than ${MAX_STEPS} opcodes`);
  }

  /** Opcodes that push a constant or only frame the stream. */
  private constant(code: number): boolean {
    switch (code) {
      case 0x80: // PROTO
        this.checkProtocol();
        return true;
      case 0x95: // FRAME: a read-ahead hint
        this.take(8);
        return true;
      case op("N"):
        this.push(null);
        return true;
      case 0x88: // NEWTRUE
        this.push(true);
        return true;
      case 0x89: // NEWFALSE
        this.push(false);
        return true;
      case op("K"): // BININT1
        this.push(this.byte());
        return true;
      case op("M"): // BININT2
        this.push(this.take(2).readUInt16LE());
        return true;
      case op("J"): // BININT
        this.push(this.take(4).readInt32LE());
        return true;
      case 0x8a: // LONG1
        this.push(this.long(this.byte()));
        return true;
      case 0x8c: // SHORT_BINUNICODE
        this.push(this.text(this.byte()));
        return true;
      case op("X"): // BINUNICODE
        this.push(this.text(this.take(4).readUInt32LE()));
        return true;
      default:
        return false;
    }
  }

  /** Opcodes that build tuples, lists and dicts. */
  private container(code: number): boolean {
    switch (code) {
      case op("("): // MARK
        if (this.marks.length >= MAX_DEPTH) throw new PickleError(`nests deeper than ${MAX_DEPTH}`);
        this.marks.push(this.stack.length);
        return true;
      case op(")"): // EMPTY_TUPLE
        this.push(new Tuple([]));
        return true;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        this.push(new Tuple(this.popMany(code - 0x84)));
        return true;
      case op("t"): // TUPLE
        this.push(new Tuple(this.popToMark()));
        return true;
      case op("]"): // EMPTY_LIST
        this.push(new List());
        return true;
      case op("a"): // APPEND
        this.append([this.pop()]);
        return true;
      case op("e"): // APPENDS
        this.append(this.popToMark());
        return true;
      case op("}"): // EMPTY_DICT
        this.push(new Dict());
        return true;
      case op("s"): // SETITEM
        this.setItems(this.popMany(2));
        return true;
      case op("u"): // SETITEMS
        this.setItems(this.popToMark());
        return true;
      default:
        return false;
    }
  }

  /** Opcodes of the memo, of globals, calls and persistent ids. */
  private reference(code: number): boolean {
    switch (code) {
      case op("q"): // BINPUT
        this.memo.set(this.byte(), this.top());
        return true;
      case op("r"): // LONG_BINPUT
        this.memo.set(this.take(4).readUInt32LE(), this.top());
        return true;
      case 0x94: // MEMOIZE
        this.memo.set(this.memo.size, this.top());
        return true;
      case op("h"): // BINGET
        this.recall(this.byte());
        return true;
      case op("j"): // LONG_BINGET
        this.recall(this.take(4).readUInt32LE());
        return true;
      case op("c"): // GLOBAL
        this.push(this.hooks.global(this.line(), this.line()));
        return true;
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.popMany(2);
        if (typeof module !== "string" || typeof name !== "string") {
          throw new PickleError("names a global by something that is not text");
        }
        this.push(this.hooks.global(module, name));
        return true;
      }
      case op("R"): {
        // REDUCE
        const [callable, args] = this.popMany(2);
        if (!(args instanceof Tuple)) throw new PickleError("calls with arguments that are not a tuple");
        this.push(this.hooks.call(callable!, args.items));
        return true;
      }
      case op("Q"): // BINPERSID
        this.push(this.hooks.persistent(this.pop()));
        return true;
      case op("b"): // BUILD: torch attaches `_metadata` to the dict; it says nothing about tensors
        this.pop();
        if (!(this.top() instanceof Dict))
          throw new PickleError("sets attributes of something that is not a dict");
        return true;
      default:
        return false;
    }
  }

  private checkProtocol(): void {
    const protocol = this.byte();
    if (protocol < 2 || protocol > 5) throw new PickleError(`has the protocol ${protocol}; 2 to 5 are known`);
  }

  private append(items: readonly PickleValue[]): void {
    const list = this.top();
    if (!(list instanceof List)) throw new PickleError("appends to something that is not a list");
    for (const item of items) list.items.push(item);
  }

  private setItems(items: readonly PickleValue[]): void {
    const dict = this.top();
    if (!(dict instanceof Dict)) throw new PickleError("sets items of something that is not a dict");
    if (items.length % 2 !== 0) throw new PickleError("sets a key without a value");
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]!;
      if (dict.entries.has(key)) throw new PickleError(`sets ${describeKey(key)} twice`);
      dict.entries.set(key, items[i + 1]!);
    }
  }

  private recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw new PickleError(`refers to memo ${index}, which was never set`);
    this.push(value);
  }

  private push(value: PickleValue): void {
    this.stack.push(value);
  }

  private get floor(): number {
    return this.marks.at(-1) ?? 0;
  }

  private top(): PickleValue {
    if (this.stack.length <= this.floor) throw new PickleError("reads an empty stack");
    return this.stack.at(-1)!;
  }

  private pop(): PickleValue {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  private popMany(count: number): PickleValue[] {
    if (this.stack.length - count < this.floor) throw new PickleError("reads an empty stack");
    return this.stack.splice(this.stack.length - count);
  }

  private popToMark(): PickleValue[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw new PickleError("has no mark where one is needed");
    return this.stack.splice(mark);
  }

  private take(count: number): Buffer {
    if (count > this.bytes.length - this.position) throw new PickleError("ends in the middle");
    this.position += count;
    return this.bytes.subarray(this.position - count, this.position);
  }

  private byte(): number {
    return this.take(1)[0]!;
  }

  private text(length: number): string {
    return this.take(length).toString("utf8");
  }

  /** One line of text, as GLOBAL writes module and name. */
  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleError("ends in the middle");
    const text = this.text(end - this.position);
    this.position++;
    return text;
  }

  /** A little-endian two's-complement integer; sizes and offsets of files fit in 2^53. */
  private long(length: number): number {
    if (length > 8) throw new PickleError(`has an integer of ${length} bytes`);
    const bytes = this.take(length);
    const value = bytes.length === 0 ? 0n : BigInt.asIntN(8 * length, littleEndian(bytes));
    if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) {
      throw new PickleError(`has the integer ${value}`);
    }
    return Number(value);
  }
}

function littleEndian(bytes: Buffer): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
