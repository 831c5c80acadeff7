import { editedModel } from "./edited-model.js";

/** Positions; an answer that fills them takes seconds. */
const LONG_CONTEXT = 16_384;

/**
 * Copies cabs-new into `folder`, with a context that an answer cannot fill while the one who is about to end it waits for a
 * processor. Returns the copy's path.
 */
export function endlessModel(folder: string): string {
  return editedModel("cabs-new", folder, {
    config(values) {
      Object.assign(values.text_config as object, { max_position_embeddings: LONG_CONTEXT });
    },
  });
}
