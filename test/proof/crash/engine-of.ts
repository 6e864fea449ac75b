import { testedStore } from "../../kits/stores/index.ts";
import type { CrashEngine } from "./engine.ts";

/** The engine of a store, loaded alone: a process that comes back shall not wait for the drivers of all. */
export function engineOf(name: string): Promise<CrashEngine> {
  const { crash } = testedStore(name);
  if (crash === undefined) throw new Error(`Nothing is crashed over ${name}.`);
  return crash.engine();
}
