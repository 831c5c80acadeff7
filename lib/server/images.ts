import type { AnyImage } from "../model/model.js";
import type { ImageResolver } from "../openai/request.js";
import { HttpError } from "./errors.js";

/** The images of a request: what a client may name, and what that stands for. */
export class ImageSources {
  constructor(private readonly options: { maxImageBytes: number }) {}

  /**
   * Reads a request and the images it names.
   *
   * @param read makes the request of what each image's URL stands for
   * @throws HttpError, HoneybeeError
   */
  async resolve<T>(read: (imageOf: ImageResolver) => T): Promise<T> {
    return read((url) => this.inlineImage(url));
  }

  private inlineImage(url: string): AnyImage {
    if (!/^data:/i.test(url))
      throw new HttpError(400, "invalid_image_url", "an image must be a data: URL with its bytes in base64");
    const { maxImageBytes } = this.options;
    const bytes = ((url.length - url.indexOf(",") - 1) * 3) / 4;
    // Two bytes may be padding.
    if (bytes - 2 > maxImageBytes)
      throw new HttpError(
        413,
        "image_too_large",
        `an image has about ${Math.round(bytes)} bytes; this server takes ${maxImageBytes}`,
      );
    return url;
  }
}
