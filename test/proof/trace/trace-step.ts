import { createHash, randomUUID } from "node:crypto";
import process from "node:process";
import type { Awaitable } from "../../../packages/once-again/src/core/awaitable.ts";
import type { Inbox } from "../../../packages/once-again/src/messaging/inbox/index.ts";
import type { Publish } from "../../../packages/once-again/src/messaging/outbox/index.ts";
import type { PostponeRequest, RelaySource } from "../../../packages/once-again/src/stores/outbox-store.ts";
import type {
  ClaimAnswer,
  Store,
  TransactionalStore,
  TransactionEnding,
} from "../../../packages/once-again/src/stores/store.ts";

/** A call of a store of leased keys as a trace has it, beside its times. */
export interface KeyCall {
  readonly call: "claim" | "complete" | "renew" | "release";
  readonly scope: string;
  readonly key: string;
  readonly owner: string;
  /** Of a claim: the fingerprint of its request. */
  readonly request?: string;
  readonly leaseMs?: number;
  readonly takeOverAfterMs?: number;
  /** Of a complete: a hash of the result. */
  readonly result?: string;
  readonly retentionMs?: number;
}

/**
 * A step of a transaction that has a key, or of a message at its consumer, which is such a key. `begin` asks for the key until its work begins
 * or there is an answer, `end` for the commit, `effect` for the answer to what it writes. The others are over at once: a delivery, and the
 * verdict on it.
 */
export interface TransactionCall {
  readonly call: "begin" | "end" | "effect" | "receive" | "acknowledge" | "dead-letter" | "give-back";
  readonly scope: string;
  readonly key: string;
  /** Of a begin and an end: the transaction. */
  readonly owner?: string;
  /** Of a begin: the fingerprint of its request. */
  readonly request?: string;
  /** Of a begin: the database looks for others at the commit only. */
  readonly isOptimistic?: boolean;
  /** Of an end: as `TransactionEnding` has it. */
  readonly keep?: TransactionEnding<unknown>["keep"];
  /** Of an end: a hash of the result. */
  readonly result?: string;
}

/** A step that messages of an outbox take. */
export type OutboxCall =
  /** A transaction adds them, from its begin to its end. */
  | { readonly call: "add"; readonly orderingKey: string | undefined; readonly ids: readonly string[] }
  | { readonly call: "claim messages"; readonly owner: string; readonly leaseMs: number }
  /** Over at once: a message is handed to the broker, and the broker has confirmed it. */
  | { readonly call: "publish" | "confirmed"; readonly ids: readonly string[] }
  | { readonly call: "return"; readonly returns: readonly TracedReturn[] }
  | { readonly call: "remove"; readonly ids: readonly string[] }
  /** The database is killed, and comes back: what it did not write to the disk by then it has forgotten. */
  | { readonly call: "crash" };

/** A message that is given back. */
export interface TracedReturn {
  readonly id: string;
  readonly owner: string;
  readonly delayMs: number;
  /** How often it was refused by now; missing: the broker said nothing. */
  readonly refusals?: number;
  readonly park?: "block" | "pass";
}

export type TracedCall = KeyCall | TransactionCall | OutboxCall;

/** An answer as a trace has it. */
export interface TracedAnswer {
  /** Of a claim, and of a begin that was not granted, its kind; of most others whether the owner still had the key. */
  readonly said: ClaimAnswer["kind"] | "yes" | "no" | "granted" | "committed" | "rolled back" | "claimed";
  readonly attempt?: number;
  readonly fence?: number;
  readonly result?: string;
  /** The messages of a claim, in their order, each with how often it was refused. */
  readonly messages?: readonly { readonly id: string; readonly refusals: number }[];
}

/** A call with its answer, at the very time at which it was executed. */
export type ExecutedLine<Call = KeyCall> = {
  readonly id: string;
  readonly executedAt: number;
  readonly process: string;
  /** Whether its caller got the answer. */
  readonly isHeard: boolean;
  readonly answer: TracedAnswer;
} & Call;

/** One line of a trace: a call that begins, its answer, or both together. */
export type TraceLine =
  | ExecutedLine<TracedCall>
  | ({ readonly id: string; readonly at: number; readonly process: string } & TracedCall)
  | ({ readonly id: string; readonly answeredAt: number } & TracedAnswer);

type Asked =
  | (Parameters<Store["claim"]>[0] & { readonly kind: "claim" })
  | (Parameters<Store["complete"]>[0] & { readonly kind: "complete" })
  | (Parameters<Store["renew"]>[0] & { readonly kind: "renew" })
  | (Parameters<Store["release"]>[0] & { readonly kind: "release" });

const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

/** A call in the words of a trace. */
export function tracedCall(asked: Asked): KeyCall {
  const { kind: call, scope, key, owner } = asked;
  const named = { call, scope, key, owner };
  switch (asked.kind) {
    case "claim": {
      const { fingerprint: request, leaseMs, takeOverAfterMs } = asked;
      return { ...named, request, leaseMs, ...(takeOverAfterMs !== undefined && { takeOverAfterMs }) };
    }
    case "complete":
      return { ...named, result: hashOf(asked.result), retentionMs: asked.retentionMs };
    case "renew":
      return { ...named, leaseMs: asked.leaseMs };
    case "release":
      return named;
  }
}

/** An answer in the words of a trace. */
export function tracedAnswer(answer: ClaimAnswer | boolean): TracedAnswer {
  if (typeof answer === "boolean") return { said: answer ? "yes" : "no" };
  switch (answer.kind) {
    case "acquired":
      return { said: answer.kind, attempt: answer.attempt, fence: answer.fence };
    case "done":
      return { said: answer.kind, result: hashOf(answer.result) };
    default:
      return { said: answer.kind };
  }
}

/** Writes what one process asks for. A process that is killed leaves calls without an answer: whether those were executed is for the acceptor to find out. */
export interface Tracer {
  readonly process: string;
  /** Writes a call before it asks, and the answer once it has it. */
  ask<Answer>(
    call: TracedCall,
    ask: () => Awaitable<Answer>,
    answerOf: (answer: Answer) => TracedAnswer,
  ): Promise<Answer>;
  /** Writes that a call begins, and gives what writes its answer. */
  begin(call: TracedCall): (answer: TracedAnswer) => void;
  /** Writes a step that is over at once. */
  step(call: TracedCall): void;
}

/** The clock since the machine's start: the same for all of its processes, and never set. */
export const sinceStart = (): number => Number(process.hrtime.bigint()) / 1e6;

/** @param now a clock that all processes of the machine share, and that no one sets. */
export function tracer(life: string, write: (line: TraceLine) => void, now = sinceStart): Tracer {
  let calls = 0;
  const nextId = (): string => `${life} ${(calls += 1)}`;
  const begin: Tracer["begin"] = (call) => {
    const id = nextId();
    write({ id, at: now(), process: life, ...call });
    return (answer) => write({ id, answeredAt: now(), ...answer });
  };
  return {
    process: life,
    begin,
    async ask(call, ask, answerOf) {
      const answered = begin(call);
      const answer = await ask();
      answered(answerOf(answer));
      return answer;
    },
    step: (call) =>
      write({ id: nextId(), executedAt: now(), process: life, isHeard: true, answer: { said: "yes" }, ...call }),
  };
}

/** A store of leased keys that writes what it is asked for. */
export function tracedStore(store: Store, trace: Tracer): Store {
  const traced = <Answer extends ClaimAnswer | boolean>(asked: Asked, ask: () => Awaitable<Answer>): Promise<Answer> =>
    trace.ask(tracedCall(asked), ask, tracedAnswer);
  return {
    ...store,
    claim: (request) => traced({ kind: "claim", ...request }, () => store.claim(request)),
    complete: (request) => traced({ kind: "complete", ...request }, () => store.complete(request)),
    renew: (request) => traced({ kind: "renew", ...request }, () => store.renew(request)),
    release: (request) => traced({ kind: "release", ...request }, () => store.release(request)),
  };
}

/**
 * The same for transactions. Work that is run again, after a conflict with another transaction, has ended and begins anew.
 *
 * @param isOptimistic whether the database looks for others at the commit only.
 */
export function tracedTransactions<Transaction>(
  store: TransactionalStore<Transaction>,
  trace: Tracer,
  isOptimistic = false,
): TransactionalStore<Transaction> {
  return {
    ...store,
    async transact({ scope, key, fingerprint, ...request }, work, onLateUse) {
      const begin = (): Begun => {
        const named = { scope, key, owner: randomUUID() };
        const call = { call: "begin", ...named, request: fingerprint, ...(isOptimistic && { isOptimistic }) } as const;
        return { named, said: trace.begin(call) };
      };
      let begun: Begun | undefined = begin();
      let ending: { readonly keep: Keep; readonly said: (answer: TracedAnswer) => void } | undefined;
      const answer = await store.transact(
        { scope, key, fingerprint, ...request },
        async (transaction) => {
          ending?.said({ said: "rolled back" });
          const { named, said } = begun ?? begin();
          begun = undefined;
          said({ said: "granted" });
          const end = (keep: Keep, result: Uint8Array = new Uint8Array()): void => {
            ending = { keep, said: trace.begin({ call: "end", ...named, keep, result: hashOf(result) }) };
          };
          try {
            const ended = await work(transaction);
            end(ended.keep, ended.result);
            return ended;
          } catch (error) {
            end("rollback");
            throw error;
          }
        },
        onLateUse,
      );
      if (answer.kind === "executed") ending?.said({ said: ending.keep === "rollback" ? "rolled back" : "committed" });
      else {
        ending?.said({ said: "rolled back" });
        (begun ?? begin()).said(tracedAnswer(answer));
      }
      return answer;
    },
  };
}

type Keep = NonNullable<TransactionCall["keep"]>;

/** A transaction that has asked for its key. */
interface Begun {
  readonly named: { readonly scope: string; readonly key: string; readonly owner: string };
  said(answer: TracedAnswer): void;
}

/**
 * An effect in a transaction, written from when it is asked for to its answer. A process that stands still between the two may have lost
 * its connection, and so its transaction, when the answer reaches it.
 */
export const tracedEffect = <Answer>(
  trace: Tracer | undefined,
  named: { readonly scope: string; readonly key: string },
  effect: () => Awaitable<Answer>,
): Awaitable<Answer> =>
  trace === undefined ? effect() : trace.ask({ call: "effect", ...named }, effect, () => ({ said: "yes" }));

/** The outbox of a relay that writes what it is asked for. */
export function tracedOutbox(outbox: RelaySource, trace: Tracer): RelaySource {
  const idAt = new Map<string, string>();
  const idOf = (position: string): string => idAt.get(position)!;
  const done = (): TracedAnswer => ({ said: "yes" });
  return {
    ...outbox,
    claim: ({ owner, leaseMs, ...request }) =>
      trace.ask(
        { call: "claim messages", owner, leaseMs },
        () => outbox.claim({ owner, leaseMs, ...request }),
        ({ batches }) => {
          const messages = batches.flatMap((batch) => batch.messages);
          for (const { id, position } of messages) idAt.set(position, id);
          return { said: "claimed", messages: messages.map(({ id, refusals }) => ({ id, refusals })) };
        },
      ),
    confirm: (positions) =>
      trace.ask({ call: "remove", ids: positions.map(idOf) }, () => outbox.confirm(positions), done),
    postpone: (requests) =>
      trace.ask({ call: "return", returns: requests.map(returnOf) }, () => outbox.postpone(requests), done),
  };

  function returnOf({ position, owner, delayMs, refusals, park }: PostponeRequest): TracedReturn {
    return { id: idOf(position), owner, delayMs, ...(refusals !== undefined && { refusals }), ...(park && { park }) };
  }
}

/** A publisher that writes what it hands over, and what was confirmed. */
export const tracedPublish =
  (publish: Publish, trace: Tracer): Publish =>
  async (message, context) => {
    const ids = [message.id];
    trace.step({ call: "publish", ids });
    const confirmation = await publish(message, context);
    trace.step({ call: "confirmed", ids });
    return confirmation;
  };

/** An inbox that writes each delivery and the verdict on it. */
export function tracedInbox<Transaction>(inbox: Inbox<Transaction>, trace: Tracer): Inbox<Transaction> {
  return {
    ...inbox,
    async handle(message, work, options) {
      const named = { scope: inbox.consumer, key: String(message.id) };
      trace.step({ call: "receive", ...named });
      const verdict = await inbox.handle(message, work, options);
      trace.step({ call: verdict.action, ...named });
      return verdict;
    },
  };
}
