import sharp from "sharp";
import { native } from "../native.js";
import type { ModelConfig } from "../checkpoint/index.js";

export type ImageInput = string | URL | Uint8Array | ArrayBuffer | Blob | { data: Uint8Array; width: number; height: number; channels: number };
export class ImagePart { constructor(readonly source: ImageInput) {} }
export function image(source: ImageInput): ImagePart { return new ImagePart(source); }
export async function prepareImage(source: ImageInput, config: ModelConfig, _max: number | undefined, _name: string): Promise<Uint8Array> {
  const { data, info } = await sharp(source as string, { failOn: "none" }).removeAlpha().toColourspace("srgb").raw().toBuffer({ resolveWithObject: true });
  const v = config.vision!;
  const out = await (native as any).preprocessImage(data, info.width, info.height, { size: v.imageSize, mode: config.preprocessing, mean: v.imageMean, std: v.imageStd, pixelValues: false });
  return out.rgb;
}
