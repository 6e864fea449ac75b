import { createHash } from "node:crypto";
import type { Awaitable } from "../../../packages/once-again/src/core/awaitable.ts";
import type { ClaimAnswer, Store } from "../../../packages/once-again/src/stores/store.ts";

/** A call of a store as a trace has it, beside its times. */
export interface TracedCall {
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

/** An answer of a store as a trace has it. */
export interface TracedAnswer {
  /** Of a claim its kind; of the others whether the owner still had the key. */
  readonly said: ClaimAnswer["kind"] | "yes" | "no";
  readonly attempt?: number;
  readonly fence?: number;
  readonly result?: string;
}

/** A call with its answer, at the very time at which the store executed it. */
export type ExecutedLine = {
  readonly id: string;
  readonly executedAt: number;
  readonly process: string;
  /** Whether its caller got the answer. */
  readonly isHeard: boolean;
  readonly answer: TracedAnswer;
} & TracedCall;

/** One line of a trace: a call that begins, its answer, or both together. */
export type TraceLine =
  | ExecutedLine
  | ({ readonly id: string; readonly at: number; readonly process: string } & TracedCall)
  | ({ readonly id: string; readonly answeredAt: number } & TracedAnswer);

type Asked =
  | (Parameters<Store["claim"]>[0] & { readonly kind: "claim" })
  | (Parameters<Store["complete"]>[0] & { readonly kind: "complete" })
  | (Parameters<Store["renew"]>[0] & { readonly kind: "renew" })
  | (Parameters<Store["release"]>[0] & { readonly kind: "release" });

const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

/** A call in the words of a trace. */
export function tracedCall(asked: Asked): TracedCall {
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

/**
 * A store that writes each call before it asks, and its answer once it has it. A process that is killed leaves calls without an
 * answer: whether those were executed is for the acceptor to find out.
 *
 * @param now a clock that all processes of the machine share, and that no one sets.
 */
export function tracedStore(store: Store, process: string, write: (line: TraceLine) => void, now: () => number): Store {
  let calls = 0;
  const traced = async <Answer extends ClaimAnswer | boolean>(
    asked: Asked,
    ask: () => Awaitable<Answer>,
  ): Promise<Answer> => {
    const id = `${process} ${(calls += 1)}`;
    write({ id, at: now(), process, ...tracedCall(asked) });
    const answer = await ask();
    write({ id, answeredAt: now(), ...tracedAnswer(answer) });
    return answer;
  };
  return {
    ...store,
    claim: (request) => traced({ kind: "claim", ...request }, () => store.claim(request)),
    complete: (request) => traced({ kind: "complete", ...request }, () => store.complete(request)),
    renew: (request) => traced({ kind: "renew", ...request }, () => store.renew(request)),
    release: (request) => traced({ kind: "release", ...request }, () => store.release(request)),
  };
}
