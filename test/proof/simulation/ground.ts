import type { Store } from "../../../packages/once-again/src/stores/store.ts";
import type { SimulatedDatabase } from "./database.ts";
import type { EffectService } from "./effects.ts";
import type { Executions } from "./executions.ts";
import type { Plan } from "./plan.ts";
import type { Scene } from "./scene.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** The ground on which every server of one simulation is built. */
export interface Ground<Kind extends Plan = Plan> {
  readonly scene: Scene<Kind>;
  readonly effects: EffectService;
  readonly executions: Executions;
  readonly database: SimulatedDatabase;
  storeOf(process: SimulatedProcess): Store;
}
