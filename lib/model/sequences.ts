import type { ModelConfig } from "../checkpoint/index.js";
import type {
  NativeFormat,
  NativeImage,
  NativePromptLogprobs,
  NativeRequest,
  TraceTensor,
} from "../native.js";
import type { EncodedPrompt } from "../prompt/index.js";
import type { Tokenizer } from "../tokenizer/index.js";
import type { Engine } from "./engine.js";
import {
  Answer,
  endError,
  type Generation,
  makeResult,
  type PromptLogprob,
  type TraceRecord,
} from "./generation.js";
import type { CheckedGeneration } from "./options.js";

/** A prompt with everything that the engine needs of it. */
export interface PreparedPrompt {
  encoded: EncodedPrompt;
  images: NativeImage[];
  /** What reading and resizing the images took. */
  preprocessMs: number;
  /** The reference points before the engine; their presence makes it a traced run. */
  trace: TraceTensor[] | undefined;
  /** What was computed for prompts with another number does not serve this one. Default 0. */
  salt?: number | undefined;
  /** The response format, compiled. */
  format: NativeFormat | undefined;
}

/** What sequences run on. */
export interface LoadedModel {
  engine: Engine;
  tokenizer: Tokenizer;
  config: ModelConfig;
  loadMs: number;
}

/**
 * Runs the `n` sequences of a request. Their chunks, the result and what stops them go to `generation`, also when it was
 * cancelled before.
 *
 * @throws HoneybeeError ERR_DISPOSED
 */
export function runSequences(
  generation: Generation,
  checked: CheckedGeneration,
  prompt: PreparedPrompt,
  { engine, tokenizer, config, loadMs }: LoadedModel,
): void {
  const { ids } = prompt.encoded;
  const answers = Array.from(
    { length: checked.n },
    (_, i) => new Answer(i, tokenizer, checked.stop, checked.minTokens, checked.logprobs >= 0),
  );
  const finish = () => {
    const imageTokens = ids.reduce((count, id) => count + (id < 0 ? 1 : 0), 0);
    const before = { loadMs, preprocessMs: prompt.preprocessMs };
    const result = makeResult(answers, { tokens: ids.length, imageTokens }, before);
    const { promptLogprobs } = answers[0]!;
    if (promptLogprobs) result.promptLogprobs = tokenLogprobs(ids, promptLogprobs);
    const record = answers[0]!.trace;
    if (record) Object.assign(result, { trace: collectTrace(prompt, record, result.tokens, config) });
    generation.finish(result);
  };
  if (generation.cancelled) {
    finish();
    return;
  }
  const request = nativeRequest(checked, prompt, config);
  if (checked.beams) {
    const search = { ...request, ...checked.beams, answers: checked.n, sequence: 0 };
    generation.cancelWith(
      engine.submit(search, {
        token: () => {},
        end: (event) => {
          if (event.reason === "error") return generation.fail(endError(event));
          for (const answer of answers)
            for (const chunk of answer.take(event, event.hypotheses?.[answer.index])) generation.push(chunk);
          finish();
        },
      }),
    );
    return;
  }
  let running = answers.length;
  const cancels = answers.map((answer) => {
    const cancel = engine.submit(
      // The prompt is the same for all: one is enough to tell of it.
      {
        ...request,
        sequence: answer.index,
        promptLogprobs: answer.index === 0 ? checked.promptLogprobs : -1,
      },
      {
        token: (event) => {
          const pushed = answer.push(event);
          if (!pushed) return;
          generation.push(pushed.chunk);
          if (pushed.stopped) cancel();
        },
        end: (event) => {
          if (event.reason === "error") {
            generation.fail(endError(event));
            for (const other of cancels) other();
            return;
          }
          const last = answer.end(event);
          if (last) generation.push(last);
          if (--running === 0) finish();
        },
      },
    );
    return cancel;
  });
  generation.cancelWith(() => {
    for (const cancel of cancels) cancel();
  });
}

/** What the sequences of a request have in common. */
function nativeRequest(
  checked: CheckedGeneration,
  { encoded: { ids }, images, trace, format, salt }: PreparedPrompt,
  { family, text }: ModelConfig,
): Omit<NativeRequest, "id"> {
  return {
    ...checked.sampling,
    ids: Int32Array.from(ids),
    images,
    // Official Honeybee generation starts from embeddings, so penalties see generated tokens only; other families' see the prompt.
    history: family === "honeybee" ? undefined : Int32Array.from(ids.filter((id) => id >= 0)),
    stopTokens: checked.ignoreEos ? [] : text.eosIds,
    maxTokens: checked.maxTokens,
    minTokens: checked.minTokens,
    promptLookup: checked.promptLookup,
    logprobs: checked.logprobs,
    priority: checked.priority,
    timeout: checked.timeout,
    format,
    trace: trace !== undefined,
    salt,
    rawLogits: trace ? checked.maxTokens : 0,
  };
}

/** By the token. */
function tokenLogprobs(
  ids: readonly number[],
  { logprobs, topTokens, topLogprobs }: NativePromptLogprobs,
): PromptLogprob[] {
  const most = topTokens.length / ids.length;
  return ids.map((token, p) => {
    const logprob = logprobs[p]!;
    if (Number.isNaN(logprob)) return { token, logprob: null, top: [] };
    const top = Array.from({ length: most }, (_, i) => ({
      token: topTokens[p * most + i]!,
      logprob: topLogprobs[p * most + i]!,
    }));
    return { token, logprob, top };
  });
}

/** All reference points of a traced run, in the order of the data path. */
function collectTrace(
  { encoded, trace = [] }: PreparedPrompt,
  { tensors, logits }: TraceRecord,
  tokens: readonly number[],
  { text: { vocabSize } }: ModelConfig,
) {
  return {
    tensors: [
      ...trace,
      ...tensors,
      { name: "prompt.ids", shape: [encoded.ids.length], values: Int32Array.from(encoded.ids) },
      { name: "generate.ids", shape: [tokens.length], values: Int32Array.from(tokens) },
      { name: "generate.logits", shape: [logits.length / vocabSize, vocabSize], values: logits },
    ],
  };
}
