import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { IntentStore } from "once-again/intents";
import type { ContractCase, StoreClock } from "../store-contract/contract-case.ts";

/** How the contract comes by the stores of intents that it tries. */
export interface IntentContractOptions {
  /**
   * Opens a connection to the intents of this name (up to 20 of a-z, 0-9 and _, first a letter). A new name has no
   * intents yet; a name that was given before leads to the same intents over one more connection.
   *
   * Make it the name of a file, a database or a table. The contract calls `close()` on each store; whatever else was
   * opened with it is yours to close.
   */
  open(intents: string): Promise<IntentStore> | IntentStore;
  /** Default: time can't be moved, so some cases wait for a moment. */
  readonly clock?: StoreClock | undefined;
}

/** The stores and the clock that one case of the intents' contract works on. */
export interface IntentRuleContext {
  /** A connection to a store that is empty when the case begins. */
  readonly store: IntentStore;
  /** Another connection to the same intents. */
  readonly other: IntentStore;
  /** Lets at least `ms` milliseconds pass on the store's clock. */
  pass(ms: number): Promise<void>;
}

/** A rule of the intents' contract. */
export interface IntentRule {
  readonly name: string;
  try(context: IntentRuleContext): Promise<void>;
}

/** How much longer than asked for the contract waits in real time: clocks are read in whole milliseconds. */
const slackMs = 20;

/** Makes a case of a rule: it opens two connections to a new store for each run, and closes both in the end. */
export function intentCaseOf(rule: IntentRule, { open, clock }: IntentContractOptions): ContractCase {
  return {
    name: rule.name,
    async run() {
      const intents = `contract_${randomUUID().slice(0, 8)}`;
      const store = await open(intents);
      const stores = [store];
      try {
        const other = await open(intents);
        stores.push(other);
        await rule.try({ store, other, pass: (ms) => clock?.advance(ms) ?? setTimeout(ms + slackMs) });
      } finally {
        await Promise.allSettled(stores.map((opened) => opened.close()));
      }
    },
  };
}

/** A request to add an intent that differs from others by its id. */
export function addRequest(id: string, more: Partial<AddIntentRequest> = {}): AddIntentRequest {
  return { id, key: `key of ${id}`, fingerprint: "f", request: post(), giveUpAfterMs: 60_000, openMax: 100, ...more };
}

/** A request as intents store it. */
export function post(url = "http://shop.example/orders"): AddIntentRequest["request"] {
  return { method: "POST", url, headers: [["x-a", "ä\"'"]], body: Uint8Array.from({ length: 256 }, (_, at) => at) };
}

type AddIntentRequest = Parameters<IntentStore["add"]>[0];
type ClaimedIntents = Awaited<ReturnType<IntentStore["claim"]>>;
type ClaimRequest = Parameters<IntentStore["claim"]>[0];

/** Claims for a minute: by default up to ten, as `"one"`. */
export function claimOf(more: Partial<ClaimRequest> = {}): ClaimRequest {
  return { owner: "one", leaseMs: 60_000, limit: 10, ...more };
}

/** The ids of claimed intents, in the order in which the claim gave them. */
export const idsOf = ({ intents }: ClaimedIntents): string[] => intents.map(({ id }) => id);
