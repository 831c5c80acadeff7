/** @typedef {import("./mutants-choose.mjs").Mutant} Mutant */
/** @typedef {import("./mutants-run.mjs").Verdict} Verdict */
/** @typedef {Mutant & {source: string, verdict: Verdict}} Tried `source` is the .cu file it was compiled into */
/** @typedef {Record<string, {equivalent: boolean, reason: string}>} Reasons by the mutant's key */

export const SHARE_TO_KILL = 0.95;

const KILLED = new Set(["failed", "fault", "crashed", "timeout"]);

/**
 * What came of the mutants: how many there were, how many were killed, which survived and why.
 *
 * @param {Tried[]} tried
 * @param {Reasons} reasons
 */
export function summaryOf(tried, reasons) {
  const survivors = tried.filter(({ verdict }) => !KILLED.has(verdict));
  const equivalent = survivors.filter(({ key }) => reasons[key]?.equivalent);
  const open = survivors.filter(({ key }) => !reasons[key]);
  const killed = tried.length - survivors.length;
  const share = killed / Math.max(1, tried.length - equivalent.length);
  return { killed, survivors, equivalent, open, share, enough: share >= SHARE_TO_KILL };
}

/**
 * @param {Tried[]} tried
 * @param {Reasons} reasons
 * @returns {string} Markdown: files × kernels, then each survivor
 */
export function mutantReport(tried, reasons) {
  const summary = summaryOf(tried, reasons);
  const rows = groups(tried).map(({ source, kernel, mutants }) => row([source, kernel], mutants, reasons));
  const percent = (100 * summary.share).toFixed(1);
  return [
    "| file | kernel | mutants | killed | by a test | by a fault | by a crash | by a timeout | equivalent | survived |",
    `| --- | --- |${" ---: |".repeat(8)}`,
    ...rows,
    row(["all", ""], tried, reasons),
    "",
    `${percent} % of the mutants that are not equivalent were killed (at least ${100 * SHARE_TO_KILL} % must be).`,
    "",
    ...summary.survivors.flatMap((mutant) => survivor(mutant, reasons[mutant.key])),
  ].join("\n");
}

function groups(tried) {
  const found = new Map();
  for (const mutant of tried) {
    const name = `${mutant.source} ${mutant.kernel}`;
    if (!found.has(name)) found.set(name, { source: mutant.source, kernel: mutant.kernel, mutants: [] });
    found.get(name).mutants.push(mutant);
  }
  return [...found.values()];
}

function row(names, mutants, reasons) {
  const { killed, survivors, equivalent } = summaryOf(mutants, reasons);
  const by = (verdict) => mutants.filter((mutant) => mutant.verdict === verdict).length;
  const causes = ["failed", "fault", "crashed", "timeout"].map(by);
  const rest = survivors.length - equivalent.length;
  return `| ${[...names, mutants.length, killed, ...causes, equivalent.length, rest].join(" | ")} |`;
}

function survivor({ file, line, kernel, change, before, after, verdict, key }, known) {
  const kind = known?.equivalent ? "equivalent" : known ? "survived" : "OPEN";
  const reason = known?.reason ?? (verdict === "unreached" ? "no test reaches it" : "no reason known");
  return [
    `- ${kind}: ${file}:${line} (${kernel}), ${change.operator}: \`${before}\` → \`${after}\`  `,
    `  ${reason}${known ? "" : `; key: ${JSON.stringify(key)}`}`,
  ];
}
