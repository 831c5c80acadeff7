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
