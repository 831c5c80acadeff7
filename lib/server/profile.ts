import { setTimeout as sleep } from "node:timers/promises";
import { chromeTrace, htmlReport, type Profile } from "../profile/index.js";
import { HttpError } from "./errors.js";
import type { Exchange } from "./exchange.js";
import type { Service } from "./service.js";

const LONGEST_SECONDS = 60;

/** Less than `model.startProfile` records: turning it into text holds up the streams that go on. */
const MOST_OPS = 2 ** 16;

const FORMS: Record<string, { type: string; text: (profile: Profile) => string }> = {
  trace: { type: "application/json", text: (profile) => JSON.stringify(chromeTrace(profile)) },
  profile: { type: "application/json", text: (profile) => JSON.stringify(profile) },
  html: { type: "text/html; charset=utf-8", text: htmlReport },
};

/** POST /debug/profile?seconds=N&format=trace|profile|html: what the engine does for so long, whoever asks for it. */
export async function debugProfile(exchange: Exchange, { model }: Service): Promise<void> {
  if (!exchange.client)
    throw new HttpError(
      403,
      "key_needed",
      "profiles show what others do, so that only the holder of a key may take one; this server has no keys",
    );
  const { seconds, form } = readQuery(exchange.request.url ?? "");
  const recording = startProfile(model);
  try {
    await sleep(seconds * 1000, undefined, { signal: exchange.signal });
  } catch {
    await recording.cancel();
    throw exchange.signal.reason;
  }
  const profile = await recording.stop();
  exchange.sendText(200, form.text(profile), form.type);
}

function startProfile(model: Service["model"]) {
  try {
    // To measure roofs would hold up whoever asks next.
    return model.startProfile({ mostOps: MOST_OPS, roofs: false });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === "ERR_OVERLOADED") throw new HttpError(409, "profile_running", message);
    throw error;
  }
}

function readQuery(url: string) {
  const query = new URL(url, "http://localhost").searchParams;
  const given = query.get("seconds");
  const seconds = given === null || given.trim() === "" ? Number.NaN : Number(given);
  if (!(seconds > 0 && seconds <= LONGEST_SECONDS))
    throw new HttpError(
      400,
      "invalid_seconds",
      `seconds must be a number above 0 and at most ${LONGEST_SECONDS}, as in ?seconds=5, not ${JSON.stringify(given)}`,
    );
  const name = query.get("format") ?? "trace";
  const form = Object.hasOwn(FORMS, name) ? FORMS[name] : undefined;
  if (!form)
    throw new HttpError(
      400,
      "invalid_format",
      `format must be one of ${Object.keys(FORMS).join(", ")}, not ${JSON.stringify(name)}`,
    );
  return { seconds, form };
}
