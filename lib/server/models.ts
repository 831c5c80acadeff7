import type { ModelConfig } from "../checkpoint/index.js";
import type { Exchange } from "./exchange.js";
import { unknownModel } from "./request.js";
import type { Service } from "./service.js";

/** GET /v1/models */
export function listModels(exchange: Exchange, service: Service): void {
  exchange.send(200, { object: "list", data: [describe(service)] });
}

/** GET /v1/models/{model} */
export function showModel(exchange: Exchange, service: Service, parameter = ""): void {
  const name = decode(parameter);
  if (name !== service.modelName) throw unknownModel(name, service.modelName);
  exchange.send(200, describe(service));
}

function describe({ modelName, created, model: { info } }: Service) {
  return {
    id: modelName,
    object: "model",
    created,
    owned_by: "honeybee",
    max_model_len: info.context,
    tokens_per_image: info.tokensPerImage,
    ...imageFields(info.config),
  };
}

/** The side of the square that an image becomes, and of the grid of its tokens; a D-Abstractor's sample at points instead. */
function imageFields({ vision, projector }: ModelConfig) {
  if (!vision || !projector) return {};
  const grid = projector.type === "c-abs" ? { image_grid: Math.sqrt(projector.visualTokens) } : {};
  const samples = projector.type === "d-abs" ? { image_samples: true } : {};
  return { image_size: vision.imageSize, ...grid, ...samples };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
