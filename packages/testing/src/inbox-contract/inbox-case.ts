import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { Awaitable, InboxRules } from "once-again/internal";
import type { Inbox, InboxMessage, InboxVerdict, MessageExecution, MessageWork } from "once-again/inbox";
import type { ContractCase } from "../store-contract/contract-case.ts";
import { expectSame } from "../store-contract/rule.ts";

/** The parts of an inbox that the contract calls. One behind a broker resolves `handle` when the broker has the verdict. */
export type InboxUnderTest<Transaction> = Pick<Inbox<Transaction>, "handle" | "close">;

/** How the contract wants an inbox: with a few deliveries, short waits, and a lease that a slow machine can keep. */
export type InboxContractRules = Required<
  Pick<InboxRules, "consumer" | "deliveriesMax" | "leaseMs" | "retentionMs" | "backoff" | "onError">
>;

/** A database for the records of inboxes, and effects. */
export interface InboxFixture<Transaction> {
  /** Opens one more inbox on the same records, as another process would. The contract closes it. */
  connect(rules: InboxContractRules): Awaitable<InboxUnderTest<Transaction>>;
  /** Makes an effect of this name (up to 20 of a-z and 0-9): in the transaction that the work was given, where there is one. */
  effect(execution: MessageExecution<Transaction>, name: string): unknown;
  /** The names of the effects, of all that others can see, in any order. */
  effects(): Awaitable<readonly unknown[]>;
  /** From now on no inbox reaches the store: no claim, no completion, no commit. Returns what ends that. */
  interrupt(): Awaitable<() => unknown>;
  /** Closes the store, and what else was opened. The inboxes are closed before. */
  close(): Awaitable<unknown>;
}

/** How the contract comes by the inboxes it tries. */
export interface InboxContractOptions<Transaction> {
  /** As that of the inboxes, which have `onUnknown: "hold"`; default leased. */
  readonly mode?: "leased" | "transactional" | undefined;
  /** Whether they take numbered messages; by default in transactional mode, on a store that has high-water marks. */
  readonly marks?: boolean | undefined;
  /** Opens empty records and no effects; `records` is a new name each time (up to 20 of a-z, 0-9 and _, first a letter). */
  open(records: string): Awaitable<InboxFixture<Transaction>>;
}

/** A rule of the inbox contract. */
export interface InboxRule {
  readonly name: string;
  try(context: InboxRuleContext): Promise<void>;
}

/** Something that a case waits at, until it is opened. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

/** The things that one case of the inbox contract works on. */
export interface InboxRuleContext {
  /** Cuts the inboxes off from the store, and returns what ends that: the case's end at the latest. */
  interrupt(): Promise<() => Promise<void>>;
  /** A gate, which is opened at the end of the case at the latest. */
  gate(): Gate;
  /** Opens one more inbox, of "billing" or of another consumer. */
  connect(consumer?: string): Promise<InboxUnderTest<unknown>>;
  /** Makes an effect of this name. */
  effect(execution: MessageExecution<unknown>, name: string): Promise<void>;
  /** Work that does that, and nothing else. */
  working(name: string): MessageWork<unknown>;
  /** @throws AssertionError, unless these are the effects. */
  expectEffects(names: readonly string[], rule: string): Promise<void>;
}

/** How often a message may be tried in the contract. */
export const deliveriesMax = 3;

const rules: Omit<InboxContractRules, "consumer"> = {
  deliveriesMax,
  leaseMs: 3000,
  retentionMs: 3_600_000,
  backoff: () => 2,
  onError: () => undefined,
};

/** Makes a case of a rule: it opens new records for each run, and closes its inboxes in the end. */
export function inboxCaseOf<Transaction>(rule: InboxRule, options: InboxContractOptions<Transaction>): ContractCase {
  return {
    name: rule.name,
    async run() {
      const fixture = (await options.open(`contract_${randomUUID().slice(0, 8)}`)) as InboxFixture<unknown>;
      const inboxes: InboxUnderTest<unknown>[] = [];
      const ends: (() => Awaitable<void>)[] = [];
      const effect: InboxRuleContext["effect"] = async (execution, name) =>
        void (await fixture.effect(execution, name));
      const context: InboxRuleContext = {
        effect,
        working: (name) => (_, execution) => effect(execution, name),
        async interrupt() {
          const restore = await fixture.interrupt();
          let restored: Promise<void> | undefined;
          const once = () => (restored ??= (async () => void (await restore()))());
          ends.push(once);
          return once;
        },
        gate() {
          const { promise: opened, resolve: open } = Promise.withResolvers<void>();
          ends.push(open);
          return { opened, open };
        },
        async connect(consumer = "billing") {
          const inbox = await fixture.connect({ ...rules, consumer });
          inboxes.push(inbox);
          return inbox;
        },
        async expectEffects(names, broken) {
          expectSame([...(await fixture.effects())].map(String).toSorted(), names.toSorted(), broken);
        },
      };
      try {
        await rule.try(context);
      } finally {
        for (const end of ends) await end();
        await Promise.allSettled(inboxes.map((inbox) => inbox.close()));
        await fixture.close();
      }
    },
  };
}

/** A message with this id. */
export function messageOf(id: string | undefined, given: Partial<InboxMessage> = {}): InboxMessage {
  return { id, topic: "orders", headers: {}, body: new TextEncoder().encode('{"item":"tea"}'), ...given };
}

/** Delivers a message again for as long as it is given back, as a broker does. */
export async function deliver(
  inbox: InboxUnderTest<unknown>,
  message: InboxMessage,
  work: MessageWork<unknown>,
): Promise<InboxVerdict> {
  for (let deliveries = message.deliveries ?? 1; ; deliveries += 1) {
    const verdict = await inbox.handle({ ...message, deliveries }, work);
    if (verdict.action !== "give-back") return verdict;
    await setTimeout(1);
  }
}

/** Work that must not run: it counts how often it did. */
export function idleWork(): { (): void; runs: number } {
  const work = Object.assign(() => void (work.runs += 1), { runs: 0 });
  return work;
}

/** The value of a promise after a number of turns of the event loop; `"unsettled"`: it has none yet. */
export async function after<Value>(turns: number, promise: Promise<Value>): Promise<Value | "unsettled"> {
  const late = async (): Promise<"unsettled"> => {
    for (let turn = 0; turn < turns; turn += 1) await setTimeout(1);
    return "unsettled";
  };
  return Promise.race([promise, late()]);
}

/** The verdicts on a message that has had its effect. */
export const executed = { action: "acknowledge", isRepeat: false };
export const repeated = { action: "acknowledge", isRepeat: true };
