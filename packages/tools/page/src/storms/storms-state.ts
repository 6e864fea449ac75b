import { signal } from "@preact/signals";
import type { StormResult } from "../../../src/simulator/index.ts";
import type { StormsAnswer } from "../../../src/console/storms/storms-protocol.ts";
import { tell } from "../session.ts";
import { formOf, type StormForm, stormsOf } from "./storm-form.ts";

export const form = signal<StormForm>(formOf("thundering-herd"));
export const results = signal<readonly StormResult[]>([]);
export const problem = signal<string | undefined>(undefined);
export const isRunning = signal(false);

let asked = 0;

/** Simulates what the form says. What a later run has overtaken is dropped. */
export async function simulate(): Promise<void> {
  const mine = (asked += 1);
  isRunning.value = true;
  problem.value = undefined;
  try {
    const answer = await tell<StormsAnswer>("storms/run", { storms: stormsOf(form.value) });
    if (mine === asked) results.value = answer.results;
  } catch (error) {
    if (mine === asked) problem.value = (error as Error).message;
  } finally {
    if (mine === asked) isRunning.value = false;
  }
}

export const change = (part: Partial<StormForm>): void => void (form.value = { ...form.value, ...part });
