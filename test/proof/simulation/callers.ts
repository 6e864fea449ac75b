import { retryingFetch } from "../../../packages/once-again/src/client/index.ts";
import { sleep } from "../../../packages/once-again/src/core/clock.ts";
import { OnceAgainError } from "../../../packages/once-again/src/core/errors.ts";
import { uniform } from "../../../packages/once-again/src/core/random.ts";
import { exponentialBackoff } from "../../../packages/once-again/src/retry/index.ts";
import { type Place, simulatedFetch } from "./network.ts";
import type { Scene } from "./scene.ts";
import { type SimulatedProcess, simulatedProcess } from "./simulated-process.ts";

/** One thing that must happen once. */
export interface Order {
  readonly name: string;
  readonly scope: string;
  /** Stored before the first byte is sent, and known again after a crash: as by a durable intent. */
  key: string | undefined;
  readonly caller: SimulatedProcess;
  /** How many calls are made for it at a time. */
  readonly calls: number;
  /** Whether its caller may have sent something of which it does not know what became. */
  isInDoubt: boolean;
  /** Whether the network ever sent a request of it twice: the answer to one copy says nothing of the other. */
  isRepeated: boolean;
  readonly answers: Answer[];
}

/** The answer that a caller got. `isFinal`: it is the answer for good. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly isFinal: boolean;
}

/** How often a caller asks for one order while it gets no answer for good. */
const callsMax = 8;

export function orderOf(scene: Scene, facts: Pick<Order, "name" | "scope" | "key" | "calls">): Order {
  const { clockOffMsMax } = scene.plan;
  const clockOffMs = uniform(scene.random, -clockOffMsMax, clockOffMsMax);
  const caller = simulatedProcess(`caller of ${facts.name}`, scene.time, clockOffMs);
  return { ...facts, caller, isInDoubt: false, isRepeated: false, answers: [] };
}

/**
 * Asks for an order with the real client until its answer is for good.
 *
 * @param onSureFailure is called when the client says that nothing happened, in any call so far.
 */
export async function carryOn(
  scene: Scene,
  order: Order,
  places: readonly Place[],
  onSureFailure: (order: Order) => void,
): Promise<void> {
  const { diary, random } = scene;
  const { caller, name, scope } = order;
  const fetch = retryingFetch({
    keys: ["http://orders.example"],
    fetch: simulatedFetch(scene, caller, places, () => (order.isRepeated = true)),
    clock: caller.clock,
    random,
    attemptTimeoutMs: 1500,
    timeoutMs: 15_000,
    backoff: exponentialBackoff({ baseMs: 100, capMs: 2000 }),
    onEvent(event) {
      if (event.type === "attempt-started") order.key = event.key;
      if (event.type === "attempt-failed") {
        const { delivery, reason } = event.verdict ?? {};
        diary.note(
          `${caller.name}: attempt ${event.attempt} failed: ${event.status ?? "no answer"}, ${delivery}, ${reason}`,
        );
      }
    },
  });
  for (let call = 1; call <= callsMax; call += 1) {
    const headers = { "x-account": scope, ...(order.key === undefined ? {} : { "idempotency-key": order.key }) };
    const wasInDoubt = order.isInDoubt;
    order.isInDoubt = true;
    const surelyFailed = (): void => {
      order.isInDoubt = wasInDoubt;
      if (wasInDoubt || order.isRepeated || order.calls > 1) return;
      diary.window("caller learnt that nothing happened");
      onSureFailure(order);
    };
    try {
      const response = await fetch("http://orders.example/orders", { method: "POST", body: name, headers });
      const text = await response.text();
      const { status } = response;
      const isFinal = status === 201 || status === 402 || response.headers.get("idempotent-replayed") === "true";
      order.answers.push({ status, text, isFinal });
      diary.note(`${caller.name}: ${status} ${text.slice(0, 60)}`);
      if (isFinal || text.includes("ONCE_OUTCOME_UNKNOWN")) return;
      // Any other answer to a keyed call is a refusal.
      surelyFailed();
      if (status === 422) return;
    } catch (error) {
      const code = OnceAgainError.isInstance(error) ? error.code : String(error);
      diary.note(`${caller.name}: ${code}`);
      if (code !== "ONCE_OUTCOME_UNKNOWN") surelyFailed();
    }
    await sleep(caller.clock, uniform(random, 0, 3000));
  }
}
