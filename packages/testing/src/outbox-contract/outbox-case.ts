import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { OutboxStore, UnconfirmedMessage } from "once-again/outbox";
import type { Awaitable, ClaimedMessage } from "once-again/internal";
import { expectThat } from "../store-contract/rule.ts";
import type { ContractCase } from "../store-contract/contract-case.ts";

/** An open transaction of a test. Each has a separate connection, or waits until the one before has ended. */
export interface OpenTransaction<Transaction> {
  /** The argument for `add`. */
  readonly transaction: Transaction;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** An outbox, and transactions of its database. */
export interface OutboxFixture<Transaction> {
  readonly outbox: OutboxStore<Transaction>;
  begin(): Promise<OpenTransaction<Transaction>>;
  close(): Promise<void>;
}

/** How the contract comes by the outboxes it tries. */
export interface OutboxContractOptions<Transaction> {
  /**
   * Opens an empty outbox, with 5 transactions at a time or more; `records` is a new name each time (up to 20 of a-z, 0-9
   * and _, first a letter).
   */
  open(records: string): Promise<OutboxFixture<Transaction>> | OutboxFixture<Transaction>;
  /**
   * Whether several transactions may be open at a time, as in a server with many connections; default true. `false`
   * leaves those cases out: there, one begins when the one before has ended.
   */
  readonly parallel?: boolean | undefined;
  /**
   * Whether messages without an ordering key that wait for one place are a line, of which claims look at the oldest alone; default
   * true. `false` leaves those cases out: there, each waits by itself.
   */
  readonly lines?: boolean | undefined;
}

/** A rule of the outbox contract. */
export interface OutboxRule {
  readonly name: string;
  try(context: OutboxRuleContext): Promise<void>;
}

/** The things that one case of the outbox contract works on. */
export interface OutboxRuleContext extends OutboxFixture<unknown> {
  /** Adds messages of one ordering key, or none, each in a separate transaction that commits; returns their ids. */
  add(orderingKey: string | undefined, ...ids: readonly string[]): Promise<void>;
  /** Claims whatever is free for an hour, as a new owner; the messages. */
  claim(options?: Partial<ClaimOptions>): Promise<ClaimedMessage[]>;
  /** The same again and again, until something was claimed. */
  claimWhenFree(options?: Partial<ClaimOptions>): Promise<ClaimedMessage[]>;
  /**
   * The same until so many messages were claimed: the position of each, by its id. A claim may leave some for the next one, the more so
   * where it takes longer than its lease.
   */
  claimAll(count: number, options?: Partial<ClaimOptions>): Promise<Map<string, string>>;
  /** How something ends that nothing should hold up: `"done"`, or what it failed with, or `"waits"`. */
  inTime(work: Promise<unknown>): Promise<string>;
}

/** How a case claims. */
export interface ClaimOptions {
  readonly owner: string;
  readonly leaseMs: number;
  readonly limit: number;
  readonly messagesPerKey: number;
}

const pollMs = 5;
/** How long something that is free may take, milliseconds; where the outbox is slow, so many times the slowest answer of the case. */
const freeMsMax = 5000;
const freeAnswersMax = 50;

/** Makes a case of a rule: it opens a new outbox for each run, and closes it in the end. */
export function outboxCaseOf<Transaction>(rule: OutboxRule, options: OutboxContractOptions<Transaction>): ContractCase {
  return {
    name: rule.name,
    async run() {
      const fixture = (await options.open(`contract_${randomUUID().slice(0, 8)}`)) as OutboxFixture<unknown>;
      const { outbox } = fixture;
      let slowestMs = 0;
      const timed = async <Answer>(ask: () => Awaitable<Answer>): Promise<Answer> => {
        const askedAt = performance.now();
        const answer = await ask();
        slowestMs = Math.max(slowestMs, performance.now() - askedAt);
        return answer;
      };
      const patienceMs = (): number => Math.max(freeMsMax, freeAnswersMax * slowestMs);
      const begin: OutboxRuleContext["begin"] = () => timed(() => fixture.begin());
      const claim: OutboxRuleContext["claim"] = async (given = {}) => {
        const request = { owner: randomUUID(), leaseMs: 3_600_000, limit: 100, messagesPerKey: 100, ...given };
        const { batches } = await timed(() => outbox.claim(request));
        return batches.flatMap(({ messages }) => messages);
      };
      const claimWhenFree: OutboxRuleContext["claim"] = async (given) => {
        const from = performance.now();
        for (;;) {
          const claimed = await claim(given);
          if (claimed.length > 0) return claimed;
          expectThat(
            performance.now() - from < patienceMs(),
            "A message that was given back, or has a lease that is over, can be claimed",
            claimed,
          );
          await setTimeout(pollMs);
        }
      };
      const claimAll: OutboxRuleContext["claimAll"] = async (count, given) => {
        const positions = new Map<string, string>();
        while (positions.size < count) {
          for (const { id, position } of await claimWhenFree(given)) positions.set(id, position);
        }
        return positions;
      };
      const add: OutboxRuleContext["add"] = async (orderingKey, ...ids) => {
        for (const id of ids) {
          const { transaction, commit } = await begin();
          await outbox.add(transaction, { id, topic: "orders", orderingKey, body: id });
          await commit();
        }
      };
      try {
        await rule.try({
          ...{ ...fixture, begin, add, claim, claimWhenFree, claimAll },
          inTime: (work) =>
            Promise.race([work.then(() => "done", String), setTimeout(patienceMs(), "waits", { ref: false })]),
        });
      } finally {
        await fixture.close();
      }
    },
  };
}

/** The ids of messages, in their order. */
export const idsOf = (messages: readonly ClaimedMessage[]): string[] => messages.map(({ id }) => id);

/** The positions of messages, in their order. */
export const positionsOf = (messages: readonly ClaimedMessage[]): string[] => messages.map(({ position }) => position);

export const listParked = (outbox: OutboxStore<unknown>): Promise<UnconfirmedMessage[]> =>
  outbox.listUnconfirmed({ state: "parked" });

/** How a message ends that waits untried in the line of its place. */
export const inLine = (place: string) => ({ place, line: "untried" }) as const;
