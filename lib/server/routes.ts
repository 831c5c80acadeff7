import { join } from "node:path";
import { packageRoot } from "../native.js";
import { chatCompletions } from "./chat.js";
import { completions } from "./completions.js";
import { anthropicError } from "./errors.js";
import { health, metrics, ready } from "./health.js";
import { countMessageTokens, messages } from "./messages.js";
import { listModels, showModel } from "./models.js";
import { openApi } from "./openapi.js";
import { pageRoutes } from "./page.js";
import { debugProfile } from "./profile.js";
import { responses, responsesError } from "./responses.js";
import type { Route } from "./router.js";
import { showSamplingPoints } from "./sampling.js";
import { detokenize, tokenize } from "./tokens.js";

/** What the OpenAPI document describes. */
export const API_ROUTES: readonly Route[] = [
  { method: "POST", path: "/v1/chat/completions", handle: chatCompletions },
  { method: "POST", path: "/v1/completions", handle: completions },
  { method: "POST", path: "/v1/responses", errors: responsesError, handle: responses },
  { method: "POST", path: "/v1/messages", errors: anthropicError, handle: messages },
  { method: "POST", path: "/v1/messages/count_tokens", errors: anthropicError, handle: countMessageTokens },
  { method: "GET", path: "/v1/models", handle: listModels },
  { method: "GET", path: "/v1/models/{model}", handle: showModel },
  { method: "POST", path: "/tokenize", handle: tokenize },
  { method: "POST", path: "/detokenize", handle: detokenize },
  { method: "POST", path: "/sampling_points", handle: showSamplingPoints },
  { method: "POST", path: "/debug/profile", handle: debugProfile },
  { method: "GET", path: "/health", open: true, handle: health },
  { method: "GET", path: "/ready", open: true, handle: ready },
  { method: "GET", path: "/metrics", open: true, handle: metrics },
  { method: "GET", path: "/docs/openapi.json", open: true, handle: openApi },
];

/** The API and the chat page, which is what lies in assets/page. */
export const ALL_ROUTES: readonly Route[] = [
  ...API_ROUTES,
  ...pageRoutes(join(packageRoot, "assets", "page")),
];
