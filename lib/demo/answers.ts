import type { BatchRequest } from "../batch/index.js";
import { type Atlas, type Question, renderScene, type Scene } from "../data/index.js";
import { HoneybeeError } from "../errors.js";
import type { RawImage, RgbImage } from "../image/index.js";
import type { Model } from "../model/model.js";

/** The longest answers are boxes: 25 tokens of the demo model and their end. */
export const MAX_ANSWER_TOKENS = 32;

/** What a blind model is shown, and how grey it is (train/evaluate.py shows the same). */
const BLIND_SIDE = 144;
const GREY = 128;
const BLIND: RawImage = {
  data: new Uint8Array(BLIND_SIDE * BLIND_SIDE * 3).fill(GREY),
  width: BLIND_SIDE,
  height: BLIND_SIDE,
  channels: 3,
};

export interface AnswerOptions {
  /** Shows a grey picture in place of each scene. Default false. */
  isBlind?: boolean;
  /** Told of every answer. */
  onAnswer?: () => void;
  signal?: AbortSignal;
}

/** A scene as a model takes it. */
export function pictureOf(scene: Scene, atlas: Atlas): RgbImage & { channels: 3 } {
  return { data: renderScene(scene, atlas), width: scene.size, height: scene.size, channels: 3 };
}

/**
 * A model's greedy answers in the order of the questions, which run many at a time; pictures are drawn as the engine
 * gets to them.
 *
 * @throws HoneybeeError of the first question that cannot be answered; the signal's reason
 */
export async function answerQuestions(
  model: Pick<Model, "batch">,
  questions: readonly Question[],
  atlas: Atlas,
  { isBlind = false, onAnswer, signal }: AnswerOptions = {},
): Promise<string[]> {
  function* requests(): Generator<BatchRequest> {
    for (const [id, { text, scene }] of questions.entries()) {
      const images = [isBlind ? BLIND : pictureOf(scene, atlas)];
      yield { id, prompt: text, images, maxTokens: MAX_ANSWER_TOKENS };
    }
  }
  const answers = new Array<string>(questions.length).fill("");
  for await (const result of model.batch(requests(), { signal })) {
    if (result.error) {
      const { code, message } = result.error;
      throw new HoneybeeError(code as HoneybeeError["code"], `question ${result.id}: ${message}`);
    }
    answers[Number(result.id)] = result.text;
    onAnswer?.();
  }
  return answers;
}
