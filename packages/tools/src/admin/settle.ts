import type { InspectedRecord, Store } from "once-again/stores";
import type { ResolveRequest } from "once-again/internal";
import type { HeldKey } from "./key-document.ts";

/** How a held key is settled: as done with a result, or as not executed, which releases it. */
export type Settlement = ResolveRequest["settlement"];

/** The state of a key that could not be settled. */
export type UnsettledState = InspectedRecord["state"] | "absent";

/** Why a key in this state can't be settled, for people. */
export const unsettledReasons = {
  absent: "There is no such key in this scope: it was never used, was released, or has expired.",
  running: "A worker owns this key now. It can be settled when its lease is over.",
  abandoned: "It was taken over and abandoned again since you looked. Look again.",
  done: "It is settled: a result is stored.",
  broken: "Its record is broken: it can only be released, as not executed.",
} as const satisfies Record<UnsettledState, string>;

/** Whether a key can be settled so: a held one, and a broken one that is released. */
export function isSettleable({ state }: InspectedRecord, { as }: Settlement): boolean {
  return state === "abandoned" || (state === "broken" && as === "not-executed");
}

/**
 * Settles a held key, unless it has changed since the operator saw it.
 *
 * @returns undefined when it is settled, otherwise its state.
 */
export async function settleKey(
  store: Store,
  { scope, key, attempt }: HeldKey,
  settlement: Settlement,
): Promise<UnsettledState | undefined> {
  const before = await store.inspect({ scope, key });
  if (before === undefined) return "absent";
  if (!isSettleable(before, settlement) || before.record.attempt !== attempt) return before.state;
  if (await store.resolve({ scope, key, settlement })) return undefined;
  return (await store.inspect({ scope, key }))?.state ?? "absent";
}

/** So many keys are settled at the same time. */
const concurrency = 8;

/** A key that was not held any more. */
export interface UnsettledKey {
  readonly scope: string;
  readonly key: string;
  readonly state: UnsettledState;
}

/**
 * Settles held keys, each unless it has changed.
 *
 * @param settlementOf the settlement of each key: a result is sealed for one key alone.
 * @param onProgress is called with the number of keys done so far.
 * @returns the keys that are not settled.
 */
export async function settleKeys(
  store: Store,
  held: readonly HeldKey[],
  settlementOf: (key: HeldKey) => Promise<Settlement>,
  onProgress: (done: number) => void,
): Promise<UnsettledKey[]> {
  const unsettled: UnsettledKey[] = [];
  const queue = held.values();
  let done = 0;
  const work = async (): Promise<void> => {
    for (const one of queue) {
      const state = await settleKey(store, one, await settlementOf(one));
      if (state !== undefined) unsettled.push({ scope: one.scope, key: one.key, state });
      onProgress((done += 1));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return unsettled;
}
