export { parseBox } from "./boxes.js";
export type { Dataset, TrainingText } from "./dataset.js";
export { type GqaOptions, openGqa } from "./datasets/gqa.js";
export { openLlava } from "./datasets/llava.js";
export { openRefCoco, type RefCocoName, type RefCocoOptions } from "./datasets/refcoco.js";
export { openVqa, type VqaOptions } from "./datasets/vqav2.js";
export {
  type Deduplication,
  deduplicate,
  type Entry,
  type Example,
  resolveExamples,
} from "./examples.js";
export { type BuildOptions, buildItems, type ImageExample, type Item } from "./items.js";
export { Mixture, normaliseWeights, RELEASED_WEIGHTS, type Weighting } from "./mixture.js";
export type { Problem } from "./problems.js";
export { Random } from "./random.js";
export { type ReadySample, SampleStream, type StreamOptions } from "./stream.js";
export { Atlas, loadAtlas } from "./world/atlas.js";
export { encodeSample } from "./world/encode.js";
export {
  type EvaluationOptions,
  isRight,
  questionsAbout,
  questionsOf,
  type SceneQuestion,
  scoreAnswers,
  scoreCommonest,
  type TaskScore,
} from "./world/evaluation.js";
export { type ExportOptions, exportWorld } from "./world/export.js";
export { SCENE_SIZES, type SceneOptions, sceneOf } from "./world/generate.js";
export { renderScene } from "./world/render.js";
export { type SampleOptions, sampleOf } from "./world/samples.js";
export {
  type Question,
  type Sample,
  type Scene,
  type SceneObject,
  SPLITS,
  type Split,
  TASKS,
  type Task,
} from "./world/scene.js";
