import { ownGetters } from "../core/own-getters.ts";
import type { Attempt, Execution, MessageFacts } from "../engine/engine.ts";
import type { Steps } from "../engine/steps.ts";
import { attemptNames } from "../engine/work-attempt.ts";

/** What a handler is told of its operation: its attempt, and a way to say that nothing happened. */
export class HandlerExecution<Transaction> implements Execution<Transaction> {
  readonly scope: string;
  readonly key: string | undefined;
  readonly attempt: number;
  readonly fence: number;
  readonly abandoned: boolean;
  readonly transaction: Transaction;
  /** Of a message: see `messageHandler`. */
  event: MessageFacts | undefined = undefined;
  readonly #attempt: Attempt<Transaction>;
  #hadNoEffect = false;
  #noEffect: (() => void) | undefined;

  constructor(attempt: Attempt<Transaction>) {
    this.scope = attempt.scope;
    this.key = attempt.key;
    this.attempt = attempt.attempt;
    this.fence = attempt.fence;
    this.abandoned = attempt.abandoned;
    this.transaction = attempt.transaction;
    this.#attempt = attempt;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  get step(): Steps {
    return this.#attempt.step;
  }

  /** A function of its own, since handlers take it out of what they are given. */
  get noEffect(): () => void {
    return (this.#noEffect ??= () => void (this.#hadNoEffect = true));
  }

  /** Whether the handler has said that nothing happened. */
  static hadNoEffect<Any>(execution: HandlerExecution<Any>): boolean {
    return execution.#hadNoEffect;
  }
}

/** The names of an execution's facts. */
export const executionNames = [...attemptNames, "event", "noEffect"] as const satisfies readonly (keyof Execution)[];

const ofUsers = ownGetters<Execution<never>>(executionNames);

/** An execution as handlers see it, which they may spread: `{ ...execution }` has its signal and its steps. */
export function userExecution<Transaction>(execution: Execution<Transaction>): Execution<Transaction> {
  return new Proxy(execution, ofUsers);
}
