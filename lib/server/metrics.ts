import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { GenerationResult } from "../model/generation.js";
import type { EngineStats, Model } from "../model/model.js";

/** Seconds; a first token may wait for others, for images and for a long prompt. */
const FIRST_TOKEN_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const TOKEN_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const REQUEST_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300];

type Counts = (stats: EngineStats) => number;

const ENGINE_GAUGES: [name: string, help: string, of: Counts][] = [
  ["requests_waiting", "Answers that wait for a place or for memory", ({ waiting }) => waiting],
  ["requests_running", "Answers that the engine works on", ({ running }) => running],
  ["image_cache_bytes", "Visual tokens kept for images that come again", (s) => s.imageCacheBytes],
];

const ENGINE_COUNTERS: [name: string, help: string, of: Counts][] = [
  ["engine_steps_total", "Steps of the language model", ({ steps }) => steps],
  ["prompt_tokens_total", "Tokens of prompts let in", ({ promptTokens }) => promptTokens],
  ["cached_tokens_total", "Tokens of prompts that the prefix cache held", ({ cachedTokens }) => cachedTokens],
  ["generated_tokens_total", "Tokens of answers", ({ generatedTokens }) => generatedTokens],
  ["preemptions_total", "Answers that gave their memory to another", ({ preemptions }) => preemptions],
  ["images_encoded_total", "Images encoded", ({ imagesEncoded }) => imagesEncoded],
  ["image_cache_hits_total", "Images that need not be encoded again", ({ imageHits }) => imageHits],
];

/** What Prometheus reads. Each server has a registry of its own, so that a process may have several. */
export class Metrics {
  readonly registry = new Registry();
  private readonly requests;
  private readonly requestSeconds;
  private readonly firstToken;
  private readonly perToken;
  private readonly imageTokens;

  constructor(model: Model) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.requests = new Counter({
      name: "honeybee_http_requests_total",
      help: "Requests answered, by route and status; 499 is a client that went away",
      labelNames: ["route", "status"],
      registers,
    });
    this.requestSeconds = new Histogram({
      name: "honeybee_http_request_seconds",
      help: "From the arrival of a request to the end of its answer",
      labelNames: ["route"],
      buckets: REQUEST_BUCKETS,
      registers,
    });
    this.firstToken = new Histogram({
      name: "honeybee_first_token_seconds",
      help: "From the arrival of a request to the first token of its answer",
      buckets: FIRST_TOKEN_BUCKETS,
      registers,
    });
    this.perToken = new Histogram({
      name: "honeybee_token_seconds",
      help: "Between two tokens of an answer",
      buckets: TOKEN_BUCKETS,
      registers,
    });
    this.imageTokens = new Counter({
      name: "honeybee_image_tokens_total",
      help: "Tokens of prompts that images took",
      registers,
    });
    this.watchEngine(model);
  }

  request(route: string, status: number, seconds: number): void {
    this.requests.inc({ route, status });
    this.requestSeconds.observe({ route }, seconds);
  }

  first(seconds: number): void {
    this.firstToken.observe(seconds);
  }

  next(seconds: number): void {
    this.perToken.observe(seconds);
  }

  answered({ usage }: GenerationResult): void {
    this.imageTokens.inc(usage.imageTokens);
  }

  /** What the engine counts is read when it is asked for. */
  private watchEngine(model: Model): void {
    const registers = [this.registry];
    for (const [name, help, of] of ENGINE_GAUGES) {
      new Gauge({
        name: `honeybee_${name}`,
        help,
        registers,
        collect() {
          this.set(of(model.stats()));
        },
      });
    }
    for (const [name, help, of] of ENGINE_COUNTERS) {
      new Counter({
        name: `honeybee_${name}`,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(of(model.stats()));
        },
      });
    }
    new Gauge({
      name: "honeybee_kv_blocks",
      help: "Blocks of 16 tokens of the KV cache, by state",
      labelNames: ["state"],
      registers,
      collect() {
        const { blocksFree, blocksCached, blocksUsed } = model.stats();
        this.set({ state: "free" }, blocksFree);
        this.set({ state: "cached" }, blocksCached);
        this.set({ state: "used" }, blocksUsed);
      },
    });
    const memory = new Gauge({
      name: "honeybee_device_memory_bytes",
      help: "Memory of the device that the model holds, by use",
      labelNames: ["use"],
      registers,
    });
    memory.set({ use: "weights" }, model.info.weightBytes);
    memory.set({ use: "kv_cache" }, model.info.kvBytes);
  }
}
