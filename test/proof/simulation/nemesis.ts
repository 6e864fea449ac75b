import { uniform } from "../../../packages/once-again/src/core/random.ts";
import type { Order } from "./callers.ts";
import type { SimulatedDatabase } from "./database.ts";
import type { Executions } from "./executions.ts";
import type { Place } from "./network.ts";
import type { Scene } from "./scene.ts";

/** The victims of its faults, and how each fault is repaired. */
export interface Victims {
  readonly places: readonly Place[];
  readonly orders: readonly Order[];
  readonly running: Executions;
  readonly database: SimulatedDatabase;
  restart(place: Place): void;
  ask(order: Order): void;
}

/** Crashes processes, and lets them stand still, as long as there are faults. */
export function nemesis(scene: Scene, victims: Victims): void {
  const { time, plan, random, diary } = scene;
  const { places, orders, running, database, restart, ask } = victims;
  const oneOf = <Thing>(things: readonly Thing[]): Thing => things[Math.floor(random() * things.length)]!;
  const again = (everyMs: number, strike: () => void): void =>
    void time.after(uniform(random, 0, 2 * everyMs), () => {
      if (!scene.isFaulty) return;
      strike();
      again(everyMs, strike);
    });

  const crashServer = (place: Place): void => {
    const { process } = place;
    if (!process.isAlive) return;
    diary.fault("server crashed");
    diary.note(`${process.name} crashes`);
    process.crash();
    running.crashed(process);
    database.crashed(process);
    time.after(uniform(random, 10, 2 * plan.leaseMs), () => restart(place));
  };
  const crashCaller = (): void => {
    const order = oneOf(orders);
    const { caller } = order;
    if (!caller.isAlive || order.key === undefined) return;
    diary.fault("caller crashed");
    diary.note(`${caller.name} crashes`);
    if (order.isInDoubt && !order.answers.some(({ isFinal }) => isFinal)) diary.window("caller died in doubt");
    caller.crash();
    time.after(uniform(random, 10, 3000), () => {
      caller.start();
      ask(order);
    });
  };
  const standStill = (): void => {
    const { process } = oneOf(places);
    const ms = uniform(random, 0, 4 * plan.leaseMs);
    diary.fault("server stood still");
    diary.note(`${process.name} stands still for ${ms.toFixed(0)} ms`);
    process.standStill(ms);
    if (ms > plan.leaseMs) running.stoodStill(process);
  };
  for (const place of places) {
    // A result that is not stored by now was answered too early.
    place.onAnswer = () => {
      if (!scene.unlucky(0.03)) return;
      diary.window("crash right after an answer");
      crashServer(place);
    };
  }
  again(plan.crashEveryMs, () => crashServer(oneOf(places)));
  again(plan.crashEveryMs, crashCaller);
  again(plan.stillEveryMs, standStill);
}
