import { Option } from "commander";
import type { RgbImage } from "../../image/index.js";
import { canvasOf, drawPicture } from "./draw.js";
import { findProtocol, PROTOCOLS, type Protocol } from "./protocol.js";

/** `--draw`, of commands that show pictures. */
export const drawOption = () =>
  new Option("--draw <how>", "pictures in the terminal (default: as it can)").choices(PROTOCOLS);

/** Draws a picture on a terminal, in the way that it has unless told which; false if it has none. */
export async function showPicture(
  picture: RgbImage,
  output: typeof process.stdout | typeof process.stderr,
  draw: Protocol | undefined,
): Promise<boolean> {
  const protocol = draw ?? (await findProtocol(output, process.stdin));
  output.write(await drawPicture(picture, protocol, canvasOf(output)));
  return protocol !== "none";
}
