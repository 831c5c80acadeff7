import { optionError } from "../check.js";
import { objectOf } from "../openai/fields.js";
import type { Exchange } from "./exchange.js";
import { modelBody } from "./request.js";
import type { Service } from "./service.js";

/** Digits behind the point: a tenth of a pixel of the largest square. */
const DIGITS = 4;

/**
 * POST /sampling_points: where each visual token of a D-Abstractor looks at an `image` (a URL as in a chat, or
 * `{"url": …}`): for each a list of [x, y, weight] in parts of the square that the model was shown.
 */
export async function showSamplingPoints(exchange: Exchange, service: Service): Promise<void> {
  const { image, model: _, ...rest } = modelBody(await exchange.json(), service);
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined)
    throw optionError(`unknown field ${JSON.stringify(unknown)}; expected image and model`);
  const url = typeof image === "string" ? image : objectOf(image ?? {}, "image").url;
  if (typeof url !== "string")
    throw optionError('image must be a URL, or {"url": …}, as in a message of a chat');
  const source = await service.images.resolve(exchange, (imageOf) => imageOf(url));
  service.takePlace(exchange);
  const { signal } = exchange;
  const { data, shape } = await service.model.samplingPoints(source, { signal });
  const [queries, points] = shape;
  const rounded = (index: number) => Number(data[index]!.toFixed(DIGITS));
  const told = Array.from({ length: queries }, (_, query) =>
    Array.from({ length: points }, (_, point) => {
      const at = 3 * (query * points + point);
      return [rounded(at), rounded(at + 1), rounded(at + 2)];
    }),
  );
  exchange.send(200, { visual_tokens: queries, points: told });
}
