// Reading a saved profile: the whole comes back, and what is wrong is named.
import { join } from "node:path";
import t from "tap";
import { type Profile, readProfile } from "../lib/profile/index.js";
import { simulatedProfile, smallProfile } from "./support/profiles.js";

t.test("comes back as it was", async (t) => {
  const repeats = [{ wallMs: 20, ops: { linear: 11 } }];
  const profiles = [
    { ...smallProfile(), repeats },
    simulatedProfile(),
    { ...smallProfile(), clock: "cupti" as const, lostOps: 2, droppedRecords: 5 },
    { ...smallProfile(), note: "of a later version" },
  ];
  const folder = t.testdir(
    Object.fromEntries(profiles.map((each, i) => [`${i}.json`, JSON.stringify(each)])),
  );
  for (const [i, profile] of profiles.entries())
    t.same(await readProfile(join(folder, `${i}.json`)), profile);
});

t.test("names the file, the field and what was expected", async (t) => {
  // biome-ignore lint/suspicious/noExplicitAny: it is made wrong in every way
  const spoilt = (spoil: (profile: any) => void) => {
    const profile = smallProfile();
    spoil(profile);
    return JSON.stringify(profile);
  };
  const cases: [string, RegExp][] = [
    ["", /is not JSON; expected what `honeybee profile --json` prints/],
    ["null", /"format" must be "honeybee-profile"/],
    ["[]", /"format" must be "honeybee-profile"/],
    [spoilt((p) => (p.version = 2)), /"version" must be 1, not 2; read it with the honeybee that wrote it/],
    [spoilt((p) => delete p.device), /device must be a text, not absent/],
    [
      spoilt((p) => (p.clock = "sundial")),
      /clock must be one of cycles, steady, cupti, events, none, not "sundial"/,
    ],
    [spoilt((p) => (p.wallMs = -1)), /wallMs must be a number of milliseconds from 0, not -1/],
    [spoilt((p) => (p.lostOps = -1)), /lostOps must be a number from 0, not -1/],
    [spoilt((p) => (p.roofs = 5)), /roofs must be an object, not 5/],
    [
      spoilt((p) => (p.roofs.flopsPerSecond.f32 = 0)),
      /roofs\.flopsPerSecond\.f32 must be a number above 0, not 0/,
    ],
    [spoilt((p) => (p.ops = {})), /ops must be a list, not \{\}/],
    [spoilt((p) => (p.ops[3] = "x")), /ops\[3\] must be an object, not "x"/],
    [spoilt((p) => (p.ops[2].stage = "encode")), /ops\[2\]\.stage must be one of vision, .*not "encode"/],
    [spoilt((p) => (p.ops[1].layer = 0.5)), /ops\[1\]\.layer must be an integer from 0, not 0\.5/],
    [
      spoilt((p) => (p.ops[1].durationMs = null)),
      /ops\[1\]\.durationMs must be a number .*clock is "cycles"/,
    ],
    [spoilt((p) => (p.clock = "none")), /ops\[0\]\.durationMs must be null where clock is "none", not 2/],
    [
      spoilt((p) => (p.ops[0].counts = { instructions: 1 })),
      /ops\[0\]\.counts\.bytes must be a number from 0, not absent/,
    ],
    [spoilt((p) => (p.gaps[1].name = "nap")), /gaps\[1\]\.name must be one of schedule/],
    [
      spoilt((p) => (p.phases[0].startMs = "0")),
      /phases\[0\]\.startMs must be a number of milliseconds, not "0"/,
    ],
    [spoilt((p) => (p.repeats = [{ wallMs: 1, ops: [] }])), /repeats\[0\]\.ops must be an object, not \[\]/],
    [spoilt((p) => (p.model = ["x".repeat(500)])), /model must be a text, not \["x{10,60}…$/],
  ];
  const folder = t.testdir(Object.fromEntries(cases.map(([text], i) => [`${i}.json`, text])));
  for (const [i, [, message]] of cases.entries()) {
    const path = join(folder, `${i}.json`);
    await t.rejects(readProfile(path), { code: "ERR_FILE", message });
    await t.rejects(readProfile(path), { message: new RegExp(`^${path}: `) });
  }
  await t.rejects(readProfile(join(folder, "none.json")), {
    code: "ERR_FILE",
    message: /none\.json: cannot be read \(ENOENT\)/,
  });
});

t.test("every field is needed", async (t) => {
  const optional = new Set(["counts"]);
  const whole = { ...simulatedProfile(), repeats: [{ wallMs: 1, ops: {} }], roofs: smallProfile().roofs };
  // biome-ignore lint/suspicious/noExplicitAny: any object
  const without = (remove: (profile: any) => void) => {
    const profile = structuredClone(whole) as Profile;
    remove(profile);
    return JSON.stringify(profile);
  };
  const files: Record<string, string> = {};
  for (const field of Object.keys(whole)) files[field] = without((p) => delete p[field]);
  for (const list of ["ops", "gaps", "phases", "repeats"] as const)
    for (const field of Object.keys(whole[list][0]!))
      if (!optional.has(field)) files[`${list}.${field}`] = without((p) => delete p[list][0][field]);
  const folder = t.testdir(files);
  for (const file of Object.keys(files)) {
    const field = file.split(".").at(-1)!;
    await t.rejects(readProfile(join(folder, file)), {
      code: "ERR_FILE",
      message: new RegExp(`\\b${field}\\b`),
    });
  }
  t.ok(Object.keys(files).length > 30);
});
