// A worker thread with its own handle on a model, told what to do by messages; both halves are here.
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { loadModel, type Model, type ModelInfo, type ModelOptions } from "../../lib/index.js";
import { SHORT_PROMPT } from "./golden-model.js";

/** What a thread can be asked, with the answer's type. */
interface Calls {
  /** The thread's handle from now on. */
  load(path: string, options: ModelOptions): Promise<ModelInfo>;
  /** The tokens of a greedy answer. */
  answer(maxTokens: number): Promise<number[]>;
  /** Begins an answer and returns once its first token is there. */
  begin(maxTokens: number): Promise<void>;
  encodeForever(image: string): Promise<void>;
  dispose(): Promise<void>;
}

type Answer<K extends keyof Calls> = Awaited<ReturnType<Calls[K]>>;
type Reply = { id: number; value?: unknown; error?: { code?: string; message: string } };

/** The thread as its owner sees it. */
export class ModelThread {
  private readonly worker = new Worker(new URL(import.meta.url), { workerData: { modelThread: true } });
  private readonly pending = new Map<number, (reply: Reply) => void>();
  private next = 0;

  private constructor() {
    this.worker.on("message", (reply: Reply) => this.pending.get(reply.id)?.(reply));
  }

  /** Resolves when the thread runs, so that what it needs itself is not taken for the model's. */
  static async start(): Promise<ModelThread> {
    const thread = new ModelThread();
    await once(thread.worker, "message");
    return thread;
  }

  /** @throws what the call threw, as an Error with its code; never settles once the thread is terminated */
  async call<K extends keyof Calls>(name: K, ...args: Parameters<Calls[K]>): Promise<Answer<K>> {
    const id = this.next++;
    const reply = await new Promise<Reply>((resolve) => {
      this.pending.set(id, resolve);
      this.worker.postMessage({ id, name, args });
    });
    if (reply.error) throw Object.assign(new Error(reply.error.message), reply.error);
    return reply.value as Answer<K>;
  }

  terminate(): Promise<number> {
    return this.worker.terminate();
  }
}

function serve(port: NonNullable<typeof parentPort>): void {
  let model: Model | undefined;
  const generate = (maxTokens: number) =>
    model!.generate({ prompt: SHORT_PROMPT, maxTokens, ignoreEos: true });
  const calls: Calls = {
    async load(path, options) {
      model = await loadModel(path, options);
      return model.info;
    },
    async answer(maxTokens) {
      return (await generate(maxTokens).result).tokens;
    },
    async begin(maxTokens) {
      await generate(maxTokens).next();
    },
    async encodeForever(image) {
      for (;;) await model!.encodeImage(image);
    },
    async dispose() {
      await model?.dispose();
    },
  };
  port.on("message", async ({ id, name, args }: { id: number; name: keyof Calls; args: never[] }) => {
    const call = calls[name] as (...args: never[]) => Promise<unknown>;
    try {
      port.postMessage({ id, value: await call(...args) });
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      port.postMessage({ id, error: { code, message } });
    }
  });
  port.postMessage("running");
}

if (!isMainThread && workerData?.modelThread) serve(parentPort!);
