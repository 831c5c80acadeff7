import { join } from "node:path";
import { pathToFileURL } from "node:url";
import t from "tap";
import { repositoryRoot } from "./support/paths.js";

const script = (name: string) =>
  import(pathToFileURL(join(repositoryRoot, "scripts/support", `${name}.mjs`)).href);
const { tokensOf } = await script("mutants-lexer");
const { deviceFunctions, reachableFrom } = await script("mutants-functions");
const { changesOf, OPERATORS } = await script("mutants-places");
const { chooseMutants } = await script("mutants-choose");
const { withMutants } = await script("mutants-write");
const { mutantReport, summaryOf } = await script("mutants-report");

const KERNEL = `#include "cuda/helper.h"
namespace {
constexpr int kThreads = 256;
__device__ float declared_only(int i);
}
// a < b in words
template <class T, int kSize>
__global__ void __launch_bounds__(kThreads) sum_kernel(const T* x, int64_t n, T* y) {
  HB_SHARED(float, partial, [kThreads / 32]);
  constexpr int kHalf = 32 / 2;
  float own[kSize] = {};
  for (int i = 0; i < n; i++) own[i % kSize] += half_of(to_float(x[i])) - 1.0f;
  if constexpr (kSize < 4) own[0] = 7.0f;
  cp_async_wait<0>();
  __syncthreads();  // all < have stored
  const auto at = [&](int k) { return own[k] / static_cast<float>(n); };
  if (threadIdx.x == 0) y[blockIdx.x] = from_float<T>(at(kHalf));
}
void host(int n) { launch(n < 3 ? n - 1 : 0); }
`;
const HELPER = `#pragma once
__device__ __forceinline__ float half_of(float x) { return x * 0.5f; }
__device__ __forceinline__ float never_entered(float x) { return x - 0.5f; }
`;
const read = (file: string): string => (file === "cuda/helper.h" ? HELPER : KERNEL);
const choose = (count: number, seed = 1, source = read) =>
  chooseMutants("cuda/sum.cu", { seed, count, read: source });
const described = (mutants: { change: { operator: string }; before: string; after: string }[]) =>
  mutants.map(({ change, after }) => `${change.operator}: ${after}`).sort();

t.test("template brackets, comments, strings and directives are no operators", async (t) => {
  const tokens = tokensOf(
    '#define A < 1\nf<T, 3>(a < b, x->y, "1 < 2", 0x1.8p-3f); /* c < d */ g<h<2>>(-1);\n',
  );
  type Token = { kind: string; text: string; template?: boolean; spaced: boolean };
  const relations = tokens.filter(({ text, template }: Token) => /^[<>]+$/.test(text) && !template);
  t.same(
    relations.map(({ text }: Token) => text),
    ["<"],
  );
  const numbers = tokens.filter(({ kind, template }: Token) => kind === "number" && !template);
  t.same(
    numbers.map(({ text }: Token) => text),
    ["0x1.8p-3f", "1"],
  );
  t.same(
    tokens.filter(({ text }: Token) => text === "-").map(({ spaced }: Token) => spaced),
    [false],
    "a sign is not a difference",
  );
});

t.test("kernels and device functions are found with what they enter", async (t) => {
  const functions = [...deviceFunctions("sum.cu", KERNEL), ...deviceFunctions("helper.h", HELPER)];
  t.same(
    functions.map(({ name, kernel }) => [name, kernel]),
    [
      ["sum_kernel", true],
      ["half_of", false],
      ["never_entered", false],
    ],
  );
  t.same(
    reachableFrom(functions[0], functions).map(({ name }: { name: string }) => name),
    ["sum_kernel", "half_of"],
  );
});

t.test("every operator changes the places it is meant for and no others", async (t) => {
  const { mutants } = choose(1000);
  t.same(described(mutants), [
    "barrier: /* dropped */;",
    "bound: for (int i = 0; i <= n; i++) own[i % kSize] += half_of(to_float(x[i])) - 1.0f;",
    "bound: if (threadIdx.x == (0 - 1)) y[blockIdx.x] = from_float<T>(at(kHalf));",
    "bound: if (threadIdx.x == 1) y[blockIdx.x] = from_float<T>(at(kHalf));",
    "cast: const auto at = [&](int k) { return own[k] / rounded(static_cast<float>(n)); };",
    "cast: for (int i = 0; i < n; i++) own[i % kSize] += half_of(rounded(to_float(x[i]))) - 1.0f;",
    "cast: if (threadIdx.x == 0) y[blockIdx.x] = from_float<T>(rounded(at(kHalf)));",
    "constant: __device__ __forceinline__ float half_of(float x) { return x * (0.5f / 2); }",
    "constant: for (int i = 0; i < n; i++) own[i % kSize] += half_of(to_float(x[i])) - 0.0f;",
    "constant: for (int i = 1; i < n; i++) own[i % kSize] += half_of(to_float(x[i])) - 1.0f;",
    "constant: if constexpr (kSize < 4) own[0] = (7.0f / 2);",
    "index: const auto at = [&](int k) { return own[k + 1] / static_cast<float>(n); };",
    "index: const auto at = [&](int k) { return own[k - 1] / static_cast<float>(n); };",
    "index: for (int i = 0; i < n; i++) own[i % kSize + 1] += half_of(to_float(x[i])) - 1.0f;",
    "index: for (int i = 0; i < n; i++) own[i % kSize - 1] += half_of(to_float(x[i])) - 1.0f;",
    "index: for (int i = 0; i < n; i++) own[i % kSize] += half_of(to_float(x[i + 1])) - 1.0f;",
    "index: for (int i = 0; i < n; i++) own[i % kSize] += half_of(to_float(x[i - 1])) - 1.0f;",
    "index: if (threadIdx.x == 0) y[blockIdx.x + 1] = from_float<T>(at(kHalf));",
    "index: if (threadIdx.x == 0) y[blockIdx.x - 1] = from_float<T>(at(kHalf));",
    "index: if constexpr (kSize < 4) own[0 + 1] = 7.0f;",
    "index: if constexpr (kSize < 4) own[0 - 1] = 7.0f;",
    "swap: const auto at = [&](int k) { return own[k] /⇄ static_cast<float>(n); };",
    "swap: for (int i = 0; i < n; i++) own[i % kSize] += half_of(to_float(x[i])) -⇄ 1.0f;",
    "swap: for (int i = 0; i > n; i++) own[i % kSize] += half_of(to_float(x[i])) - 1.0f;",
    "wait: /* dropped */;",
  ]);
  t.same(
    new Set(mutants.map(({ change }: { change: { operator: string } }) => change.operator)),
    new Set(OPERATORS),
  );
  t.equal(mutants.find(({ file }: { file: string }) => file === "cuda/helper.h").line, 2);
});

t.test("a seed chooses, and an edit elsewhere leaves its choice", async (t) => {
  const keys = (chosen: { mutants: { key: string }[] }) => chosen.mutants.map(({ key }) => key);
  t.equal(choose(8).mutants.length, 8);
  t.same(keys(choose(8)), keys(choose(8)));
  t.notSame(keys(choose(8)), keys(choose(8, 2)));
  const longer = (file: string) => `\n\n${read(file)}`;
  t.same(keys(choose(8, 1, longer)), keys(choose(8)));
  const operators = choose(1).mutants.map(({ change }: { change: { operator: string } }) => change.operator);
  t.same(operators, ["barrier", "wait"], "barriers and waits are tried beyond the count");
});

t.test("the written source has every mutant at its place, on its line", async (t) => {
  const { mutants } = choose(1000);
  const text = withMutants(
    KERNEL,
    mutants.filter(({ file }: { file: string }) => file === "cuda/sum.cu"),
  );
  t.equal(text.split("\n").length, KERNEL.split("\n").length);
  for (const { number, file, change } of mutants) {
    const form = change.write === "literal" || change.write === "drop" ? `is<${number}>()` : `${number}`;
    const written =
      file === "cuda/sum.cu"
        ? text
        : withMutants(
            HELPER,
            mutants.filter((m: { file: string }) => m.file === file),
          );
    t.match(written, new RegExp(`\\b${form.replace(/[()]/g, "\\$&")}`), `mutant ${number}`);
  }
  t.equal(withMutants(KERNEL, []), KERNEL);
  const one = mutants.filter(({ after }: { after: string }) => after.includes("x[i + 1]"));
  const { number } = one[0];
  t.match(withMutants(KERNEL, one), `x[(i) + ::honeybee::mutants::step<${number}, 0>()]`);
  const unchanged = changesOf({ ...deviceFunctions("h.h", "__device__ int f(int x) { return x; }")[0] });
  t.same(unchanged, []);
});

t.test("the report counts, and names survivors without a reason", async (t) => {
  const { mutants } = choose(7);
  const verdicts = ["failed", "fault", "crashed", "timeout", "survived", "survived", "unreached"];
  const tried = mutants.map((mutant: object, i: number) => ({
    ...mutant,
    source: "cuda/sum.cu",
    verdict: verdicts[i],
  }));
  const reasons = {
    [mutants[4].key]: { equivalent: true, reason: "the same value" },
    [mutants[5].key]: { equivalent: false, reason: "not simulated" },
  };
  const summary = summaryOf(tried, reasons);
  t.equal(summary.killed, 4);
  t.equal(summary.share, 4 / 6);
  t.notOk(summary.enough);
  t.same(
    summary.open.map(({ key }: { key: string }) => key),
    [mutants[6].key],
  );
  const report = mutantReport(tried, reasons);
  t.match(report, "| cuda/sum.cu | sum_kernel | 7 | 4 | 1 | 1 | 1 | 1 | 1 | 2 |");
  t.match(report, "- equivalent: ");
  t.match(report, "the same value");
  t.match(report, "- OPEN: ");
  t.match(report, "no test reaches it");
  t.ok(summaryOf(tried.slice(0, 5), reasons).enough, "equivalents do not count");
});
