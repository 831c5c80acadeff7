import type { AnyImage } from "../model/model.js";
import type { ImageResolver } from "../openai/request.js";
import { HttpError } from "./errors.js";
import type { Exchange } from "./exchange.js";
import { checkRemoteUrl, fetchImage, type Transport } from "./remote.js";

/** Most images that one request may have fetched. */
const MAX_REMOTE = 16;

/** The images of a request: what a client may name, and what that stands for. */
export class ImageSources {
  /**
   * @param options.allowRemoteImages hosts from which images are fetched
   * @param options.maxImageBytes of an encoded image
   */
  constructor(
    private readonly options: { maxImageBytes: number; allowRemoteImages: readonly string[] },
    private readonly transport: Transport,
  ) {}

  /**
   * Reads a request and the images it names. Where it names images to fetch it is read twice: to learn which, and with them.
   *
   * @param read makes the request of what each image's URL stands for
   * @throws HttpError, HoneybeeError; the exchange's reason to stop
   */
  async resolve<T>(exchange: Exchange, read: (imageOf: ImageResolver) => T): Promise<T> {
    const remote = new Map<string, URL>();
    const request = read((url) => this.inlineImage(url) ?? this.note(url, remote));
    if (remote.size === 0) return request;
    const fetched = await this.fetchAll(exchange, remote);
    return read((url) => this.inlineImage(url) ?? fetched.get(url)!);
  }

  /** When one cannot be had, the others are given up before that is told: nothing arrives for a request that is over. */
  private async fetchAll(exchange: Exchange, remote: Map<string, URL>): Promise<Map<string, Buffer>> {
    const { maxImageBytes: maxBytes, allowRemoteImages: hosts } = this.options;
    const failure = new AbortController();
    const signal = AbortSignal.any([exchange.signal, failure.signal]);
    const take = (bytes: number) => exchange.hold(bytes);
    const fetched = new Map<string, Buffer>();
    const fetchOne = async ([name, url]: [string, URL]) => {
      try {
        fetched.set(name, await fetchImage(url, { hosts, maxBytes }, this.transport, take, signal));
      } catch (error) {
        failure.abort(error);
      }
    };
    await Promise.all([...remote].map(fetchOne));
    signal.throwIfAborted();
    return fetched;
  }

  /** Undefined for what has to be fetched. */
  private inlineImage(url: string): AnyImage | undefined {
    const { maxImageBytes, allowRemoteImages } = this.options;
    if (!/^data:/i.test(url)) {
      if (allowRemoteImages.length > 0) return undefined;
      throw new HttpError(400, "invalid_image_url", "an image must be a data: URL with its bytes in base64");
    }
    const bytes = ((url.length - url.indexOf(",") - 1) * 3) / 4;
    // Two bytes may be padding.
    if (bytes - 2 <= maxImageBytes) return url;
    const message = `an image has about ${Math.round(bytes)} bytes; this server takes ${maxImageBytes}`;
    throw new HttpError(413, "image_too_large", message);
  }

  private note(name: string, remote: Map<string, URL>): AnyImage {
    remote.set(name, checkRemoteUrl(name, this.options.allowRemoteImages));
    if (remote.size <= MAX_REMOTE) return "";
    throw new HttpError(400, "invalid_image_url", `at most ${MAX_REMOTE} images of a request are fetched`);
  }
}
