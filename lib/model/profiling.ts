import { type NativeProfile, packageVersion } from "../native.js";
import { reached } from "../profile/groups.js";
import type { Profile, ProfileOp } from "../profile/types.js";
import type { Engine } from "./engine.js";
import type { Generation } from "./generation.js";
import type { ModelInfo } from "./info.js";
import type { ModelOptions } from "./options.js";
import { deviceRoofs } from "./roofs.js";
import type { WeightDtype } from "./spec.js";

/** What is recorded unless somebody says otherwise: some 30 MB of memory, and a thousand steps of a 7B model. */
export const MOST_OPS = 2 ** 18;

/** Whose engine is profiled. */
export interface ProfiledModel {
  engine: Engine;
  info: ModelInfo;
  options: ModelOptions;
}

/** A profile that is being taken. */
export class ProfileRecording {
  private readonly date = new Date().toISOString();
  private ending: Promise<Profile> | undefined;

  /** @throws HoneybeeError ERR_OVERLOADED while another is being taken, ERR_DISPOSED */
  constructor(
    private readonly model: ProfiledModel,
    mostOps: number,
    private readonly measures: boolean,
  ) {
    model.engine.startProfile(mostOps);
  }

  /**
   * Ends it with the step under way. The roofs are null where they are not known yet and were not to be measured, or
   * requests run on.
   *
   * @throws HoneybeeError ERR_DISPOSED
   */
  stop(): Promise<Profile> {
    this.ending ??= this.end();
    return this.ending;
  }

  /** Ends it for nothing; never fails. */
  async cancel(): Promise<void> {
    if (this.ending) return;
    await this.model.engine.stopProfile().catch(() => {});
  }

  private async end(): Promise<Profile> {
    const { engine, info } = this.model;
    const taken = await engine.stopProfile();
    const mayMeasure = () =>
      this.measures && !engine.isDisposed && engine.stats().running + engine.stats().waiting === 0;
    const options = { ...this.model.options, device: info.device };
    const roofs = await deviceRoofs(options, productDtypes(taken, info), mayMeasure);
    return assemble(taken, { date: this.date, info, roofs });
  }
}

/**
 * Profiles a request `repeats` times after a warm-up; the first run is listed, the others are summed up.
 *
 * @param run starts the request; requests with different salts use nothing of each other
 */
export async function profileRuns(
  model: ProfiledModel,
  { repeats, roofs }: { repeats: number; roofs: boolean },
  run: (salt: number) => Generation,
): Promise<Profile> {
  const salt = () => 1 + Math.floor(Math.random() * 2 ** 48);
  await run(salt()).result;
  const taken: Profile[] = [];
  for (let i = 0; i < repeats; i++) {
    const recording = new ProfileRecording(model, MOST_OPS, roofs);
    try {
      await run(salt()).result;
    } catch (error) {
      await recording.cancel();
      throw error;
    }
    taken.push(await recording.stop());
  }
  return { ...taken[0]!, repeats: taken.map(({ wallMs, ops }) => ({ wallMs, ops: sumByName(ops) })) };
}

function assemble(
  { full, lostOps, droppedRecords, clock, wallMs, ops, gaps, phases }: NativeProfile,
  { date, info, roofs }: Pick<Profile, "date" | "roofs"> & { info: ModelInfo },
): Profile {
  return {
    format: "honeybee-profile",
    version: 1,
    honeybee: packageVersion(),
    device: info.deviceDescription,
    model: info.model,
    date,
    clock,
    wallMs,
    ...(full ? { isCut: true } : {}),
    ...(lostOps > 0 ? { lostOps } : {}),
    ...(droppedRecords > 0 ? { droppedRecords } : {}),
    roofs,
    ops: ops.map((op) => ({ ...op, ...reached(op, roofs) })),
    gaps,
    phases,
    repeats: [],
  };
}

/** Those whose rates are wanted; the bandwidth is, even if nothing was multiplied. */
function productDtypes({ ops }: NativeProfile, { weights }: ModelInfo): WeightDtype[] {
  const dtypes = new Set<string>([weights.text]);
  for (const { dtype } of ops) if (dtype !== null) dtypes.add(dtype);
  return [...dtypes] as WeightDtype[];
}

function sumByName(ops: readonly ProfileOp[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { name, durationMs } of ops) sums[name] = (sums[name] ?? 0) + (durationMs ?? 0);
  return sums;
}
