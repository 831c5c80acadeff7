import { native } from "../native.js";

export type PixelFormat = "gray8" | "gray16" | "rgb8" | "rgba8" | "cmyk8";

/** The picture functions of the addon. All but `readImageHeader` work on a thread of their own. */
export interface ImageNative {
  /** Resizes [height, width, 3] bytes to [size, size, 3], and normalises to float32 [3, size, size] if asked. */
  preprocessImage(
    source: Uint8Array,
    width: number,
    height: number,
    options: ResizeOptions,
  ): Promise<{ rgb: Uint8Array; pixelValues?: Float32Array }>;
  /** Decoded pixels of any format → [height, width, 3]. */
  convertPixels(source: Uint8Array, width: number, height: number, format: PixelFormat): Promise<Uint8Array>;
  /** Size of a BMP or GIF file, from its header. */
  readImageHeader(file: Uint8Array, format: "bmp" | "gif"): { width: number; height: number };
  /** The first picture of a BMP or GIF file as [height, width, 3]. */
  decodeImageFile(file: Uint8Array, format: "bmp" | "gif"): Promise<Uint8Array>;
}

/** What `preprocessImage` makes of the pixels. */
export interface ResizeOptions {
  /** S, 1 to 16384. */
  size: number;
  mode: ResizeMode;
  mean: readonly number[];
  std: readonly number[];
  /** Whether to normalise too. */
  pixelValues: boolean;
  /** Which inner loops to use; all give the same bytes. Default: the best there are. */
  simd?: "auto" | "portable" | "avx2" | "avx512";
}

/** "squash": to a square whatever the aspect ratio; "shortest-edge-crop": the centre square (LLaVA-1.5). */
export type ResizeMode = "squash" | "shortest-edge-crop";

export const imageNative = native as unknown as ImageNative;
