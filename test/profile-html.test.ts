// The HTML report: it holds the whole profile and its tables, needs nothing else, and nothing in a profile can break out.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createContext, Script } from "node:vm";
import t from "tap";
import { packageRoot } from "../lib/native.js";
import { htmlReport, type Profile } from "../lib/profile/index.js";
import { simulatedProfile, smallProfile } from "./support/profiles.js";

const folder = join(packageRoot, "assets", "profile");

/** The text of the only element of this name, or with this id. */
function textOf(html: string, tag: string, id = ""): string {
  const found = [
    ...html.matchAll(new RegExp(`<${tag}(?=[^>]*${id && `id="${id}"`})[^>]*>(.*?)</${tag}>`, "gs")),
  ];
  if (found.length !== 1) throw new Error(`${found.length} elements ${tag} ${id}`);
  return found[0]![1]!;
}

const scriptOf = (html: string) => /<script type="module">(.*?)<\/script>/s.exec(html)![1]!;

/** The texts of a row's cells, by the beginning of the row, of the table with this name. */
function row(html: string, table: string, ...words: string[]): string[] | undefined {
  const body = html.split(`aria-label="${table}"`)[1]!.split("</table>")[0]!;
  const rows = [...body.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, cells]) =>
    [...cells!.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell]) =>
      cell!.replace(/<svg.*<\/svg>/, ""),
    ),
  );
  return rows.find((cells) => words.every((word, i) => cells[i] === word))?.slice(words.length);
}

t.test("the profile comes back from its island, and the tables have its sums", (t) => {
  const profile = smallProfile();
  const html = htmlReport(profile);
  t.same(JSON.parse(textOf(html, "script", "profile")), profile);
  t.match(html, '<p class="sum">ops 80.0 % + gaps 15.0 % of 20.0 ms</p>');
  t.same(row(html, "By operation", "1", "linear", "prefill"), [
    ...["2", "7.000", "35.0 %", "5.7", "57.1", "71 % (compute)"],
  ]);
  t.same(row(html, "By operation", "5", "rms_norm", "prefill")!.at(-1), "50 % (memory)");
  // Layer 0 of the prefill: 2 of linear and 1 of rms_norm; 25 MB and 302 MFLOP in 5 ms, at least 3.5.
  t.same(row(html, "By layer", "prefill", "0"), ["2", "5.000", "25.0 %", "5.0", "60.4", "70 % (compute)"]);
  t.same(row(html, "By stage", "prefill")!.slice(0, 3), ["3", "8.000", "40.0 %"]);
  t.same(row(html, "Gaps", "schedule")!.slice(0, 3), ["2", "2.000", "10.0 %"]);
  t.same(row(html, "Requests", "1"), ["1.000", "2.000", "–", "–", ""]);
  t.same(row(html, "Requests", "0"), ["–", "–", "8.000", "6.000", ""]);
  t.end();
});

t.test("waterfalls and dots stand where they must", (t) => {
  const html = htmlReport(smallProfile());
  // Phases lie between 0 and 16 ms: 62.5 thousandths each.
  t.match(html, '<rect class="decode" x="625.00" y="0" width="375.00" height="10"/>');
  t.match(html, '<rect class="image" x="62.50" y="0" width="125.00" height="10"/>');
  const dots = [...html.matchAll(/<title>(\d): (\w+) .*?<circle cx="([\d.]+)" cy="([\d.]+)"/g)];
  const at = Object.fromEntries(
    dots.map(([, number, name, x, y]) => [`${number} ${name}`, [Number(x), Number(y)]]),
  );
  t.same(
    Object.keys(at).sort(),
    ["1 linear", "2 linear", "3 attention", "5 rms_norm"],
    "sample multiplies nothing",
  );
  // Equal distances for equal ratios: 10, 0.2, 15 and 0.4 operations a byte; 400/7, 2, 75 and 2 GFLOP/s.
  const slope = (a: number[], b: number[], axis: number, ratio: number) =>
    (a[axis]! - b[axis]!) / Math.log(ratio);
  const [one, two, three, five] = [at["1 linear"]!, at["2 linear"]!, at["3 attention"]!, at["5 rms_norm"]!];
  t.ok(Math.abs(slope(one, two, 0, 50) / slope(three, five, 0, 15 / 0.4) - 1) < 0.01, "to the right");
  t.ok(Math.abs(slope(one, two, 1, 400 / 14) / slope(three, two, 1, 37.5) - 1) < 0.01, "upwards");
  t.ok(three[0]! > two[0]! && three[1]! < two[1]!, "more is right and up");
  t.end();
});

t.test("nothing is loaded, and only its own script runs", (t) => {
  const html = htmlReport(smallProfile());
  t.notMatch(html, /https?:|wss?:|\ssrc=|<link|@import|url\(|\bimport\b/i);
  t.notMatch(html, /\sstyle=|\son\w+=|javascript:/i, "the policy allows nothing inline but its own");
  const hash = (text: string) => `&#39;sha256-${createHash("sha256").update(text).digest("base64")}&#39;`;
  const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)![1]!;
  t.same(policy.split("; "), [
    "default-src &#39;none&#39;",
    `script-src ${hash(scriptOf(html))}`,
    `style-src ${hash(textOf(html, "style"))}`,
    "base-uri &#39;none&#39;",
    "form-action &#39;none&#39;",
  ]);
  t.ok(html.indexOf("Content-Security-Policy") < html.indexOf("<style"), "before what it rules");
  const ids = [...html.matchAll(/\sid="([\w-]+)"/g)].map(([, id]) => id);
  t.equal(new Set(ids).size, ids.length, "ids are unique");
  for (const [, id] of html.matchAll(
    /(?:href="#|aria-labelledby="|aria-describedby="|getElementById\(")([\w-]+)"/g,
  ))
    t.ok(ids.includes(id), `#${id} is there`);
  t.notMatch(html, /\{\{\w+\}\}/, "no slot is left");
  t.end();
});

t.test("texts of a profile stay texts", (t) => {
  const hostile = `</script><!--<script><img src=x onerror="alert(1)">'&{{script}}$&`;
  const profile = smallProfile();
  Object.assign(profile, { model: hostile, device: hostile, honeybee: hostile, date: hostile });
  profile.ops = profile.ops.map((op) => ({ ...op, name: hostile, shape: hostile, dtype: hostile }));
  profile.roofs!.flopsPerSecond = { [hostile]: 1e11 };
  const html = htmlReport(profile);
  t.same(JSON.parse(textOf(html, "script", "profile")), profile);
  t.notMatch(html, /<img|<!--/);
  t.equal(html.match(/<script/g)!.length, 3, "profile, tracks and the timeline");
  t.equal(html.match(/<\/script/g)!.length, 3);
  t.match(
    html,
    "&#60;/script&#62;&#60;!--&#60;script&#62;&#60;img src=x onerror=&#34;alert(1)&#34;&#62;&#39;&#38;{{script}}$&#38;",
  );
  t.end();
});

t.test("on the simulator: counts, and no roofline", (t) => {
  const html = htmlReport(simulatedProfile());
  t.same(row(html, "By operation", "1", "linear", "prefill"), ["2", "6,000", "512", "4"]);
  t.match(html, "No roofs or no products were measured.");
  t.match(html, "The axis counts instructions.");
  const tracks = JSON.parse(textOf(html, "script", "tracks"));
  t.same(tracks[1], { name: "images", kind: "op", slices: [[0, 0, 1000]], layers: [["layer 0", 0, 1000]] });
  t.end();
});

/** Runs the script of a report against a document that remembers what was drawn. */
function drawn(profile: Profile) {
  const html = htmlReport(profile);
  const texts: string[] = [];
  const frames: (() => void)[] = [];
  const listeners = new Map<string, (event: object) => void>();
  const pen = new Proxy(
    { fillText: (text: string) => texts.push(text), measureText: () => ({ width: 40 }) } as Record<
      string,
      unknown
    >,
    {
      get: (target, name: string) => target[name] ?? (() => {}),
    },
  );
  const element = (id: string): object => ({
    style: {},
    dataset: {},
    hidden: true,
    clientWidth: 800,
    textContent: id === "profile" || id === "tracks" ? textOf(html, "script", id) : "",
    getContext: () => pen,
    setPointerCapture: () => {},
    addEventListener: (name: string, run: (event: object) => void) => listeners.set(`${id} ${name}`, run),
  });
  const elements = new Map<string, { textContent: string; hidden: boolean }>();
  const getElementById = (id: string) => {
    if (!elements.has(id)) elements.set(id, element(id) as never);
    return elements.get(id)!;
  };
  const window = {
    devicePixelRatio: 2,
    addEventListener: () => {},
    matchMedia: () => ({ addEventListener: () => {} }),
  };
  const context = createContext({
    ...{ document: { getElementById, querySelectorAll: () => [] }, window },
    getComputedStyle: () => ({ color: "black" }),
    requestAnimationFrame: (frame: () => void) => frames.push(frame),
  });
  new Script(`{${scriptOf(html)}}`).runInContext(context);
  const send = (name: string, event: object) => {
    texts.length = 0;
    listeners.get(`time ${name}`)!({ preventDefault: () => {}, ...event });
    for (const frame of frames.splice(0)) frame();
  };
  return { texts, send, getElementById };
}

t.test("the timeline draws, and obeys keys and pointer", (t) => {
  const { texts, send, getElementById } = drawn(smallProfile());
  t.equal(getElementById("lines").hidden, false);
  for (const text of [
    "language model",
    "images",
    "gaps",
    "layer 0",
    "linear",
    "rms_norm",
    "schedule",
    "5 ms",
  ])
    t.ok(texts.includes(text), `${text} is drawn`);

  send("keydown", { key: "n" });
  t.match(
    getElementById("detail").textContent,
    /^linear \(prefill, layer 0, step 0\), \[2, 4\] × \[8, 4\]: 4\.000 ms at 0\.0000 ms; 5\.0 GB\/s, 75\.0 GFLOP\/s, 75 % of the roofline\.$/,
  );
  send("keydown", { key: "n" });
  t.match(getElementById("detail").textContent, /^rms_norm .*50 % of the roofline\.$/);
  // 800 pixels for 17.5 ms: 12 ms is at 549; below the axis, the name of the track and its layers.
  send("pointermove", { pointerId: 1, offsetX: 549, offsetY: 22 + 22 + 16 + 5 });
  t.match(getElementById("detail").textContent, /^linear \(decode, layer 0, step 1\)/);
  send("pointermove", { pointerId: 1, offsetX: 400, offsetY: 3 * 22 + 2 * 42 + 22 + 5 });
  t.match(getElementById("detail").textContent, /^Gap: schedule, step 0, 1\.500 ms at 8\.000 ms\.$/);

  for (let i = 0; i < 3; i++) send("keydown", { key: "+" });
  t.notOk(texts.includes("attention"), "2.2 ms around the middle have no image");
  t.ok(texts.includes("schedule"));
  send("keydown", { key: "0" });
  t.ok(texts.includes("attention"));
  send("wheel", { ctrlKey: true, deltaX: 0, deltaY: -900, offsetX: 0 });
  t.ok(texts.includes("linear"), "the beginning");
  t.notOk(texts.includes("schedule"));
  t.end();
});

t.test("a timeline of the simulator, of one operation, and of none", (t) => {
  const { send, getElementById } = drawn(simulatedProfile());
  send("keydown", { key: "n" });
  t.match(
    getElementById("detail").textContent,
    /^linear .*: 2,000 instructions, 256 bytes, 1 bank conflicts\.$/,
  );
  t.equal(
    drawn({ ...smallProfile(), ops: [], gaps: [], phases: [] }).getElementById("time") !== undefined,
    true,
  );
  t.ok(
    drawn({ ...smallProfile(), gaps: [], phases: [], ops: smallProfile().ops.slice(5) }).texts.includes(
      "sample",
    ),
  );
  t.end();
});

t.test("views stay inside, and slices are found", async (t) => {
  const { zoomed, firstEndingAfter, niceStep } = await import(pathToFileURL(join(folder, "view.js")).href);
  const all = { from: 0, to: 1000 };
  t.same(zoomed(all, 0.5, 0.5, all), { from: 250, to: 750 });
  t.same(zoomed({ from: 250, to: 750 }, 0.5, 1, all), { from: 500, to: 750 });
  t.same(zoomed({ from: 600, to: 800 }, 10, 0.5, all), all);
  t.same(zoomed({ from: -300, to: -100 }, 1, 0.5, all), { from: 0, to: 200 });
  t.same(zoomed({ from: 900, to: 1100 }, 1, 0.5, all), { from: 800, to: 1000 });
  const slices = Array.from({ length: 50 }, (_, i) => [i, 10 * i, 10 * i + 7]);
  for (let ns = -5; ns < 510; ns++) {
    const expected = slices.findIndex(([, , end]) => end! > ns);
    t.equal(firstEndingAfter(slices, ns), expected < 0 ? slices.length : expected);
  }
  t.same([1, 1.5, 3, 7, 40, 4e5].map(niceStep), [1, 2, 5, 10, 50, 5e5]);
});

t.test("the files of the folder are the parts of the report", (t) => {
  const html = htmlReport(smallProfile());
  for (const name of readdirSync(folder).filter((file) => /\.(css|js)$/.test(file))) {
    const line = readFileSync(join(folder, name), "utf8")
      .split("\n")
      .find((text) => /^(function|:root|const)/.test(text));
    t.ok(line && html.includes(line), name);
  }
  t.end();
});
