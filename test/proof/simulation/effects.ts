import type { RecordName } from "../../../packages/once-again/src/stores/store.ts";
import { fateOf, remoteCall, type Scene } from "./scene.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { HandlerRun } from "./executions.ts";

/** The effects of a handler outside: a charge, and a notice of it. */
export type EffectName = "charge" | "notice";

/** One thing that happened outside. */
export interface Effect extends RecordName {
  readonly name: EffectName;
  readonly order: string;
  readonly number: number;
  /** The derived key, where the service knows keys. */
  readonly downstreamKey?: string;
}

export type EffectRequest = Pick<Effect, "scope" | "key" | "name" | "order">;

/** The service that has the effects. Its ledger never forgets, and finds no duplicate by itself. */
export interface EffectService {
  readonly ledger: readonly Effect[];
  /** A number for an effect inside a transaction. */
  nextNumber(): number;
  /** Puts effects into the ledger with the transaction that they are in. */
  commit(effects: readonly Effect[]): void;
  /** Asks for an effect over the network. A known `downstreamKey` brings its first one; a lower `fence` is refused. */
  happen(run: HandlerRun, request: EffectRequest & { downstreamKey?: string; fence?: number }): Promise<Effect>;
  /** Looks for the effects of a key; from then on a lower fence is refused. */
  look(process: SimulatedProcess, request: RecordName & { fence: number }): Promise<readonly Effect[]>;
}

export function effectService(scene: Scene): EffectService {
  const { diary, plan } = scene;
  const ledger: Effect[] = [];
  const fences = new Map<string, number>();
  let numbers = 0;
  const idOf = ({ scope, key }: RecordName): string => `${scope} ${key}`;
  const showFence = (name: RecordName, fence: number): void => {
    if (fence < (fences.get(idOf(name)) ?? 0)) throw new Error("This fence is too low.");
    fences.set(idOf(name), fence);
  };
  const drawFate = () => {
    const fate = fateOf(scene, plan.effectFaults);
    if (fate === "lost before") diary.fault("effect call failed before it applied");
    if (fate === "lost after" || fate === "late") diary.fault("effect call applied, answer lost");
    if (fate === "lost after") diary.window("effect executed, answer lost");
    return fate;
  };
  return {
    ledger,
    nextNumber: () => (numbers += 1),
    commit: (effects) => void ledger.push(...effects),
    happen: (run, { fence, ...request }) =>
      remoteCall(scene, run.process, drawFate(), async () => {
        if (fence !== undefined) showFence(request, fence);
        const { downstreamKey } = request;
        const known = downstreamKey && ledger.find((effect) => effect.downstreamKey === downstreamKey);
        if (known !== undefined && known !== "") return known;
        const effect: Effect = { ...request, number: (numbers += 1) };
        ledger.push(effect);
        run.hasEffect = true;
        if (run.isAnswered) diary.window("effect after the answer");
        diary.note(`EFFECT ${effect.number}: ${effect.name}, order ${effect.order} for ${effect.scope} ${effect.key}`);
        return effect;
      }),
    look: (process, { fence, ...name }) =>
      remoteCall(scene, process, drawFate(), async () => {
        showFence(name, fence);
        return ledger.filter((effect) => idOf(effect) === idOf(name));
      }),
  };
}
