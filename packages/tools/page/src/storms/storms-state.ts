import { signal } from "@preact/signals";
import type { StormResult } from "../../../src/simulator/index.ts";
import type { StormsResponse } from "../../../src/console/storms/storms-protocol.ts";
import { presets } from "../../../src/simulator/index.ts";
import { tell } from "../session.ts";
import { formOf, isPresetWorld, type StormForm, stormsOf } from "./storm-form.ts";

export const form = signal<StormForm>(formOf("thundering-herd"));
export const results = signal<readonly StormResult[]>([]);
/** The lesson of a preset that was not changed: another world may teach another lesson. */
export const lesson = signal<string | undefined>(undefined);
export const problem = signal<string | undefined>(undefined);
export const isRunning = signal(false);

let asked = 0;

/** Simulates what the form says. What a later run has overtaken is dropped. */
export async function simulate(): Promise<void> {
  const mine = (asked += 1);
  isRunning.value = true;
  problem.value = undefined;
  const asAsked = form.value;
  try {
    const answer = await tell<StormsResponse>("storms/run", { storms: stormsOf(asAsked) });
    if (mine !== asked) return;
    results.value = answer.results;
    lesson.value = isPresetWorld(asAsked) ? presets[asAsked.preset].lesson : undefined;
  } catch (error) {
    if (mine === asked) problem.value = (error as Error).message;
  } finally {
    if (mine === asked) isRunning.value = false;
  }
}

export const change = (part: Partial<StormForm>): void => void (form.value = { ...form.value, ...part });
