import type { LazyAbort } from "../core/lazy-abort.ts";
import { ownGetters } from "../core/own-getters.ts";
import type { Attempt, Engine } from "./engine.ts";
import type { Steps } from "./steps.ts";

/** Which attempt it is, and whether earlier ones may have had effects. */
export interface AttemptNumber {
  readonly attempt: number;
  readonly fence: number;
  readonly abandoned: boolean;
}

/** What an attempt gets from whoever runs it, when it asks for it. */
export interface AttemptSource {
  readonly abort: LazyAbort;
  openSteps(): Steps;
}

/** The first attempt of an operation that has no record: without a key, or inside one transaction with it. */
export const onlyAttempt: AttemptNumber = { attempt: 1, fence: 0, abandoned: false };

/**
 * What work is told of its attempt. Its signal and its steps are made when they are first read: most work reads neither,
 * and to make them costs more than to claim a key.
 */
export class WorkAttempt<Transaction> implements Attempt<Transaction> {
  readonly scope: string;
  readonly key: string | undefined;
  readonly attempt: number;
  readonly fence: number;
  readonly abandoned: boolean;
  readonly transaction: Transaction;
  readonly #source: AttemptSource;
  #step: Steps | undefined;

  constructor(
    { scope, key }: { scope: string; key: string | undefined },
    { attempt, fence, abandoned }: AttemptNumber,
    transaction: Transaction,
    source: AttemptSource,
  ) {
    this.scope = scope;
    this.key = key;
    this.attempt = attempt;
    this.fence = fence;
    this.abandoned = abandoned;
    this.transaction = transaction;
    this.#source = source;
  }

  get signal(): AbortSignal {
    return this.#source.abort.signal;
  }

  get step(): Steps {
    return (this.#step ??= this.#source.openSteps());
  }
}

/** The names of an attempt's facts, those that are made when they are read included. */
export const attemptNames = [
  "scope",
  "key",
  "attempt",
  "fence",
  "abandoned",
  "transaction",
  "signal",
  "step",
] as const satisfies readonly (keyof Attempt<unknown>)[];

const ofUsers = ownGetters<Attempt<never>>(attemptNames);

/** An engine for users, whose work may spread its attempt: `{ ...attempt }` has its signal and its steps. */
export function publicEngine<Transaction>(engine: Engine<Transaction>): Engine<Transaction> {
  const shown = (attempt: Attempt<Transaction>): Attempt<Transaction> => new Proxy(attempt, ofUsers);
  return {
    run: async (operation, work) => engine.run(operation, (attempt) => work(shown(attempt))),
    runUnkeyed: (scope, work) => engine.runUnkeyed(scope, (attempt) => work(shown(attempt))),
    close: () => engine.close(),
  };
}
