import { uniform } from "../../../../packages/once-again/src/core/random.ts";
import type { Scene } from "../scene.ts";
import type { SimulatedProcess } from "../simulated-process.ts";
import type { FaultKind } from "../windows.ts";
import type { MessageBroker } from "./message-broker.ts";
import type { MessagePlan } from "./plan.ts";

/** A process that can be harmed, and how it comes back. */
export interface Victim {
  readonly process: SimulatedProcess;
  readonly kind: "service" | "relay" | "consumer";
  start(): void;
  /** Reports its death to the parts that it was connected with. */
  crashed(): void;
  /** Ends in good order, as a process does on a signal; missing: it can't. */
  close?(): Promise<void>;
}

/** Crashes, closes, stops and cuts off processes, and sends the broker away, as long as there are faults. */
export function messageNemesis(
  scene: Scene<MessagePlan>,
  victims: readonly Victim[],
  broker: MessageBroker,
  cut: (process: SimulatedProcess, ms: number) => void,
): void {
  const { diary, plan, random, time } = scene;
  const oneOf = (): Victim => victims[Math.floor(random() * victims.length)]!;
  const again = (everyMs: number, strike: () => void): void =>
    void time.after(uniform(random, 0, 2 * everyMs), () => {
      if (!scene.isFaulty) return;
      strike();
      again(everyMs, strike);
    });
  const restart = ({ process, start }: Victim): void => {
    process.start();
    diary.note(`${process.name} starts`);
    start();
  };
  const crash = (victim: Victim): void => {
    const { process, kind, crashed } = victim;
    if (!process.isAlive) return;
    const fault: FaultKind = `${kind} crashed`;
    diary.fault(fault);
    diary.note(`${process.name} crashes`);
    process.crash();
    crashed();
    time.after(uniform(random, 10, 2 * plan.relayLeaseMs), () => restart(victim));
  };
  const close = (victim: Victim): void => {
    const { process, kind, close } = victim;
    if (!process.isAlive || close === undefined || kind === "service") return;
    diary.fault(`${kind} closed`);
    diary.note(`${process.name} closes`);
    const { life } = process;
    void close().then(() => {
      if (!process.isAlive || process.life !== life) return;
      diary.note(`${process.name} has closed`);
      victim.crashed();
      restart(victim);
    });
  };
  const standStill = ({ process }: Victim): void => {
    const ms = uniform(random, 0, 4 * plan.relayLeaseMs);
    diary.fault("process stood still");
    diary.note(`${process.name} stands still for ${ms.toFixed(0)} ms`);
    process.standStill(ms);
  };
  const cutOff = ({ process }: Victim): void => {
    const ms = uniform(random, 0, 3000);
    diary.fault("process cut off");
    diary.window("process cut off from its database");
    diary.note(`${process.name} is cut off from its database for ${ms.toFixed(0)} ms`);
    cut(process, ms);
  };
  again(plan.crashEveryMs / 2, () => crash(oneOf()));
  again(plan.crashEveryMs, () => close(oneOf()));
  again(plan.stillEveryMs, () => standStill(oneOf()));
  again(plan.stillEveryMs, () => cutOff(oneOf()));
  again(4 * plan.crashEveryMs, () => broker.leave(uniform(random, 0, 3000)));
  again(plan.crashEveryMs / 2, () => broker.goBack());
}
