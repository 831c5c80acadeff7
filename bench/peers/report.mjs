import { REQUEST, RUNTIME_ROWS } from "./runtime.mjs";

/** What is compared: `better` says whether a ratio above 1 is our time or our rate over theirs. */
const ROWS = {
  vit224: { title: "ViT-L/14 and projector, 224 px", unit: "ms", better: "less" },
  vit336: { title: "ViT-L/14 and projector, 336 px", unit: "ms", better: "less" },
  prefill: { title: "1.1B bf16, prefill 256", unit: "tokens/s", better: "more" },
  decode: { title: "1.1B bf16, decode 64", unit: "tokens/s", better: "more" },
  prefill8: { title: "1.1B int8 and Q8_0, prefill 256", unit: "tokens/s", better: "more" },
  decode8: { title: "1.1B int8 and Q8_0, decode 64", unit: "tokens/s", better: "more" },
  prefill4: { title: "1.1B int4 and Q4_0, prefill 256", unit: "tokens/s", better: "more" },
  decode4: { title: "1.1B int4 and Q4_0, decode 64", unit: "tokens/s", better: "more" },
  serve8: { title: "1.1B bf16, 8 requests of 64 + 64 at once by HTTP", unit: "tokens/s", better: "more" },
};

/** The ratios to reach on 2 threads: of small weights and of serving anywhere, else by what the CPU offers for bf16 products. */
const COMMON_AIMS = { prefill8: 2, decode8: 1.1, prefill4: 2, decode4: 1.1, serve8: 1.2 };
const AIMS = {
  amx: { vit224: 5, vit336: 5, prefill: 5, decode: 1.2 },
  avx512bf16: { vit224: 1.6, vit336: 1.9, prefill: 1.2, decode: 1 },
};

/** "amx", "avx512bf16" or undefined, from the flags line of /proc/cpuinfo. */
export function bf16Path(cpuinfo) {
  if (/\bamx_bf16\b/.test(cpuinfo)) return "amx";
  return /\bavx512_bf16\b/.test(cpuinfo) ? "avx512bf16" : undefined;
}

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/**
 * Medians and ratios of the rounds.
 *
 * @param {{peer: object, us: object}[]} rounds samples of both, one after the other
 * @param {string | undefined} path as bf16Path gives it
 * @returns {{key: string, peer: number, us: number, ratio: number, aim?: number}[]} a ratio above 1 means we are faster
 */
export function compare(rounds, path) {
  return Object.entries(ROWS).map(([key, { better }]) => {
    const peer = median(rounds.map((round) => round.peer[key]));
    const us = median(rounds.map((round) => round.us[key]));
    return {
      key,
      peer,
      us,
      ratio: better === "less" ? peer / us : us / peer,
      aim: COMMON_AIMS[key] ?? AIMS[path]?.[key],
    };
  });
}

/** Medians of what was measured on our side alone, with the aims. */
export function runtimeRows(rounds, path) {
  return Object.entries(RUNTIME_ROWS).map(([key, { aim }]) => ({
    key,
    value: median(rounds.map(({ runtime }) => runtime[key])),
    // Without products of bf16 the CPU is nearer to its limit with one request already.
    aim: key === "gain8" ? (path ? 4 : 3) : aim,
  }));
}

function runtimeLine({ key, value, aim }) {
  const { title, share, better } = RUNTIME_ROWS[key];
  const told = (number) => (share ? `${(100 * number).toFixed(1)} %` : `${number.toFixed(2)} ×`);
  const reached = better === "more" ? value >= aim : value < aim;
  return `| ${title} | ${told(value)} | ${better === "more" ? "≥" : "<"} ${told(aim)} ${reached ? "reached" : "missed"} |`;
}

/** The comparison as a Markdown page. */
export function markdown(machine, peerDescription, rounds, rows, runtime) {
  const number = (value) => (value < 100 ? value.toFixed(1) : value.toFixed(0));
  const line = ({ key, peer, us, ratio, aim }) => {
    const { title, unit } = ROWS[key];
    const verdict = aim === undefined ? "" : `${aim.toFixed(1)} ${ratio >= aim ? "reached" : "missed"}`;
    return `| ${title} | ${number(us)} ${unit} | ${number(peer)} ${unit} | ${ratio.toFixed(2)} | ${verdict} |`;
  };
  return `# honeybee and llama.cpp on ${machine.cpu}

${machine.date}, commit ${machine.commit}, ${machine.threads} threads, Node ${machine.node}; ${peerDescription}.
Medians of ${rounds.length} ${rounds.length === 1 ? "round" : "alternating rounds"}, random weights of the same shapes; a ratio above 1 means honeybee is faster.

| what | honeybee | llama.cpp | ratio | aim |
|---|---|---|---|---|
${rows.map(line).join("\n")}

Small weights: honeybee's int8 has one scale an output, Q8_0 one for 32 values; int4 has a scale and a zero, Q4_0 a scale for
32 values. Both multiply activations of 8 bits; honeybee's head is int8 beside int4. ViT: 23 layers. honeybee's time goes from RGB bytes to visual tokens (224 px: C-Abstractor, 336 px: LLaVA's MLP), llama.cpp's
from normalised pixels through a two-layer MLP.

## The runtime

| what | honeybee | aim |
|---|---|---|
${runtime.map(runtimeLine).join("\n")}

Requests of ${REQUEST.prompt} tokens that give ${REQUEST.answer}, 1.1B in bf16. What comes again is measured to its first token, less one decoding step.
`;
}
