import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HoneybeeError } from "../../errors.js";
import type { RgbImage } from "../../image/index.js";
import { loadSharp } from "../../image/sharp.js";

/**
 * Writes a picture as PNG.
 *
 * @throws HoneybeeError ERR_IMAGE naming the file
 */
export async function writePng({ data, width, height }: RgbImage, path: string): Promise<void> {
  const sharp = await loadSharp();
  try {
    await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toFile(path);
  } catch (error) {
    const reason = (error as Error).message.split("\n")[0];
    throw new HoneybeeError("ERR_IMAGE", `${path} cannot be written: ${reason}`, { cause: error });
  }
}

/** Writes a scene as PNG into a new folder for temporary files, and says where. */
export async function writeTemporaryPng(picture: RgbImage, seed: number): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), "honeybee-")), `scene-${seed}.png`);
  await writePng(picture, path);
  return path;
}
