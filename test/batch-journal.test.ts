// Lines, journal and output of a batch, without a model: whatever a kill leaves, nothing is lost and nothing comes twice.
import { appendFileSync, copyFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { headerRecord, readJournal, sealRecord } from "../lib/batch/journal.js";
import { LineReader } from "../lib/batch/lines.js";
import { JournaledOutput, journalPath, readState } from "../lib/batch/output.js";
import { randomNumbers } from "./support/batch-kills.js";

const read = () => ({ bytes: 0, sha256: "" });
const identity = { model: "m" };

async function* chunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

t.test("lines, however the bytes are cut", async (t) => {
  const bytes = Buffer.from(`one\r\n\nthrée\n${"x".repeat(50)}\nlast`);
  for (let size = 1; size <= bytes.length; size++) {
    const reader = new LineReader(chunks(bytes, size), 40);
    const lines: unknown[] = [];
    for await (const { number, bytes, start } of reader) lines.push([number, bytes?.toString(), start]);
    t.same(lines, [
      [1, "one", 0],
      [2, "", 5],
      [3, "thrée", 6],
      [4, undefined, 13],
      [5, "last", 64],
    ]);
    t.equal(reader.position, bytes.length);
  }
});

t.test("cut at every byte of the journal, with every kind of tail in the output", async (t) => {
  const folder = t.testdir();
  const whole = join(folder, "whole");
  const output = await JournaledOutput.create(whole, identity, read);
  for (let line = 1; line <= 12; line++) {
    await output.add(line, `answer ${line}`);
    if (line % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await output.close();
  const journal = readFileSync(journalPath(whole));
  const answers = readFileSync(whole);
  const random = randomNumbers(7);
  for (let cut = headerRecord(identity).length; cut <= journal.length; cut++) {
    const path = join(folder, "cut");
    const state = readJournal(journal.subarray(0, cut), "journal")!;
    writeFileSync(journalPath(path), journal.subarray(0, cut));
    // The output holds at least what is sealed, at most all; the end may be zeros that were never written.
    const length = state.end + Math.floor(random() * (answers.length - state.end + 1));
    writeFileSync(path, answers.subarray(0, length));
    if (random() < 0.3) appendFileSync(path, Buffer.alloc(5));
    const found = await readState(path);
    const resumed = await JournaledOutput.resume(path, found!, read);
    for (let line = 1; line <= 12; line++) {
      if (!found!.done.has(line)) await resumed.add(line, `answer ${line}`);
    }
    await resumed.close();
    if (!readFileSync(path).equals(answers)) t.fail(`cut at ${cut}: ${readFileSync(path)}`);
    if ((await readState(path))?.done.size !== 12) t.fail(`cut at ${cut}: the journal is not whole`);
  }
  copyFileSync(journalPath(whole), journalPath(join(folder, "lost")));
  await t.rejects(readState(join(folder, "lost")), {
    code: "ERR_FILE",
    message: /is not what its journal says/,
  });
  writeFileSync(whole, Buffer.from(answers).fill("x", 3, 4));
  await t.rejects(readState(whole), { code: "ERR_FILE", message: /--restart/ });
});

t.test("a journal that no kill can leave is refused", async (t) => {
  const seals = [1, 2, 3].map((line) => sealRecord({ lines: [line], end: line, crc: 0, read: read() }));
  const journal = Buffer.from(headerRecord(identity) + seals.join(""));
  t.equal(readJournal(journal, "j")?.done.size, 3);
  t.equal(readJournal(Buffer.alloc(0), "j"), undefined);
  t.equal(readJournal(journal.subarray(0, 20), "j"), undefined, "a torn header is no journal");
  const damaged = Buffer.from(journal);
  damaged[headerRecord(identity).length + 12]! ^= 1;
  t.throws(() => readJournal(damaged, "j"), { code: "ERR_FILE", message: /damaged.*--restart/ });
});

t.test("a failure to write is told once and by name", async (t) => {
  const path = join(t.testdir(), "out");
  const output = await JournaledOutput.create(path, identity, read);
  const { file } = output as unknown as { file: { writeFile: unknown } };
  file.writeFile = async () => {
    truncateSync(path, 0);
    throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
  };
  await output.add(1, "x");
  await t.rejects(output.close(), { code: "ERR_FILE", message: /out cannot be written: the disk is full/ });
  t.equal((await readState(path))?.done.size, 0);
});
