/** An encoded image: what the projector made of it. Takes an image's place in requests to the same model. */
export class VisualTokens {
  /**
   * @param data row by row, float32
   * @param shape [visual tokens, width of the language model]
   */
  constructor(
    readonly data: Float32Array,
    readonly shape: readonly [number, number],
  ) {}
}
