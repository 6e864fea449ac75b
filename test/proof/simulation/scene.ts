import { type Random, seededRandom, uniform } from "../../../packages/once-again/src/core/random.ts";
import { type Diary, diary } from "./diary.ts";
import type { Plan } from "./plan.ts";
import { type Scheduler, scheduler } from "./scheduler.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** The parts that one simulation shares. */
export interface Scene<Kind extends Plan = Plan> {
  readonly random: Random;
  readonly plan: Kind;
  readonly time: Scheduler;
  readonly diary: Diary;
  /** Whether faults are still injected. */
  isFaulty: boolean;
  /** Draws whether something of this probability goes wrong now. */
  unlucky(share: number): boolean;
  /** How long a message takes, milliseconds: mostly little. */
  delay(): number;
}

export function sceneOf<Kind extends Plan>(seed: number, planOf: (random: Random) => Kind): Scene<Kind> {
  const random = seededRandom(seed);
  const plan = planOf(random);
  const time = scheduler();
  const scene: Scene<Kind> = {
    random,
    plan,
    time,
    diary: diary(() => time.now),
    isFaulty: true,
    unlucky: (share) => random() < share && scene.isFaulty,
    delay() {
      if (!scene.unlucky(0.03)) return uniform(random, 0.1, 5);
      scene.diary.fault("message delayed");
      return uniform(random, 5, 2 * plan.leaseMs);
    },
  };
  return scene;
}

/** How a call to a service outside the process fares. */
export type Fate = "answered" | "lost before" | "lost after" | "late";

/**
 * A call from a process to a service. The service executes it in one step, at some time after the call and before the
 * answer; a process that dies meanwhile gets no answer.
 *
 * @param execute the service's work, which returns the answer.
 */
export function remoteCall<Answer>(
  { time, delay }: Scene,
  process: SimulatedProcess,
  fate: Fate,
  execute: () => Answer | Promise<Answer>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const after = process.thisLife();
    const fail = (): void => void after(delay(), () => reject(new Error("ECONNRESET")));
    const executed = async (): Promise<Answer> => execute();
    const answer = (answered: Promise<Answer>): void =>
      void answered.then(
        (value) => void after(delay(), () => resolve(value)),
        (error: unknown) => void after(delay(), () => reject(error)),
      );
    /** Executes it, without an answer. */
    const unheard = (): void => void executed().catch(() => undefined);
    if (fate === "lost before" || fate === "late") fail();
    if (fate === "late") time.after(delay() + delay() + 20, unheard);
    if (fate === "answered") time.after(delay(), () => answer(executed()));
    if (fate === "lost after") {
      time.after(delay(), () => {
        unheard();
        fail();
      });
    }
  });
}

/** Draws a fate. */
export function fateOf(scene: Scene, share: number): Fate {
  if (!scene.unlucky(share)) return "answered";
  const draw = scene.random();
  if (draw < 0.4) return "lost before";
  return draw < 0.85 ? "lost after" : "late";
}
