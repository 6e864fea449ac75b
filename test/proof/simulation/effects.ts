import type { RecordName } from "../../../src/stores/store.ts";
import { fateOf, remoteCall, type Scene } from "./scene.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { HandlerRun } from "./executions.ts";

/** One thing that happened outside. */
export interface Charge extends RecordName {
  readonly order: string;
  readonly number: number;
  /** The derived key, where the service knows keys. */
  readonly downstreamKey?: string;
}

/** The service that has the effects. Its ledger never forgets, and finds no duplicate by itself. */
export interface EffectService {
  readonly ledger: readonly Charge[];
  /** A number for a charge that is made inside a transaction. */
  nextNumber(): number;
  /** Puts charges into the ledger with the transaction that made them. */
  commit(charges: readonly Charge[]): void;
  /** Asks for a charge over the network. A known `downstreamKey` brings its first charge; a lower `fence` is refused. */
  charge(
    run: HandlerRun,
    request: RecordName & { order: string; downstreamKey?: string; fence?: number },
  ): Promise<Charge>;
  /** Looks for a charge; from then on a lower fence is refused. */
  look(process: SimulatedProcess, request: RecordName & { fence: number }): Promise<Charge | undefined>;
}

export function effectService(scene: Scene): EffectService {
  const { diary, plan } = scene;
  const ledger: Charge[] = [];
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
    if (fate === "lost after") diary.window("effect carried out, answer lost");
    return fate;
  };
  return {
    ledger,
    nextNumber: () => (numbers += 1),
    commit: (charges) => void ledger.push(...charges),
    charge: (run, { fence, ...request }) =>
      remoteCall(scene, run.process, drawFate(), async () => {
        if (fence !== undefined) showFence(request, fence);
        const { downstreamKey } = request;
        const known = downstreamKey && ledger.find((charge) => charge.downstreamKey === downstreamKey);
        if (known !== undefined && known !== "") return known;
        const charge: Charge = { ...request, number: (numbers += 1) };
        ledger.push(charge);
        run.hasEffect = true;
        diary.note(`EFFECT ${charge.number}: order ${charge.order} for ${charge.scope} ${charge.key}`);
        return charge;
      }),
    look: (process, { fence, ...name }) =>
      remoteCall(scene, process, drawFate(), async () => {
        showFence(name, fence);
        return ledger.find((charge) => idOf(charge) === idOf(name));
      }),
  };
}
