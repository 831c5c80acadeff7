export { parseBox } from "./boxes.js";
export {
  type Deduplication,
  deduplicate,
  type Entry,
  type Example,
  resolveExamples,
} from "./examples.js";
export { Random } from "./random.js";
export { Atlas, loadAtlas } from "./world/atlas.js";
export {
  type EvaluationOptions,
  isRight,
  questionsOf,
  scoreAnswers,
  type TaskScore,
} from "./world/evaluation.js";
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
