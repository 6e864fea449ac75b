import { ownGetters } from "../core/spreadable.ts";
import type { HandlerTimeout } from "./handler-timeout.ts";
import type { Engine, Execution, MessageFacts, Steps } from "./engine.ts";

/** Which attempt it is, and whether earlier ones may have had effects. */
export interface AttemptNumber {
  readonly attempt: number;
  readonly fence: number;
  readonly abandoned: boolean;
}

/** The first attempt of an operation that has no record: without a key, or inside one transaction with it. */
export const onlyAttempt: AttemptNumber = { attempt: 1, fence: 0, abandoned: false };

/** The attempt behind an execution. It makes the parts that are seldom read. */
export interface ExecutionSource {
  /** Missing where nothing ends the work: its signal never aborts. */
  readonly timeout: HandlerTimeout | undefined;
  /** Aborts the signal at once if the lease is over; missing where nothing is leased. */
  checkLease?(): void;
  openSteps(): Steps;
}

/**
 * The one object that an engine gives to work, whatever the room. Its signal, its steps and `noEffect` are made when they
 * are first read: most work reads none of them, and making them costs more than claiming a key.
 */
export class WorkExecution<Transaction> implements Execution<Transaction> {
  readonly scope: string;
  /** A room may name an operation that has no record. */
  key: string | undefined;
  readonly attempt: number;
  readonly fence: number;
  readonly abandoned: boolean;
  readonly transaction: Transaction;
  /** Set by a room for which an operation is a message. */
  event: MessageFacts | undefined = undefined;
  readonly #source: ExecutionSource;
  #signal: AbortSignal | undefined;
  #step: Steps | undefined;
  #noEffect: (() => void) | undefined;
  #hadNoEffect = false;

  constructor(
    { scope, key }: { scope: string; key: string | undefined },
    { attempt, fence, abandoned }: AttemptNumber,
    transaction: Transaction,
    source: ExecutionSource,
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
    this.#source.checkLease?.();
    return (this.#signal ??= (this.#source.timeout?.abort ?? new AbortController()).signal);
  }

  get step(): Steps {
    return (this.#step ??= this.#source.openSteps());
  }

  /** A function, not a method: handlers take it out of the execution. */
  get noEffect(): () => void {
    return (this.#noEffect ??= () => void (this.#hadNoEffect = true));
  }

  /** Whether the work has said that nothing happened. */
  static hadNoEffect(execution: object): boolean {
    return #hadNoEffect in execution && execution.#hadNoEffect;
  }
}

/** Whether the work of an execution, as the engine gave it, has said that nothing happened. */
export function hadNoEffect(execution: Execution<unknown>): boolean {
  return WorkExecution.hadNoEffect(execution);
}

/** The names that every execution has. */
export const executionNames = [
  "scope",
  "key",
  "attempt",
  "fence",
  "abandoned",
  "transaction",
  "signal",
  "step",
  "noEffect",
] as const satisfies readonly (keyof Execution)[];

const plain = ownGetters<Execution<unknown>>(executionNames);
const withEvent = ownGetters<Execution<unknown>>([...executionNames, "event"]);

/** An execution as users see it: `{ ...execution }` has its signal and its steps. */
export function userExecution<Facts extends Execution<unknown>>(execution: Facts): Facts {
  return new Proxy<Facts>(execution, execution.event === undefined ? plain : withEvent);
}

/** An engine for users: their work may spread its execution, since `{ ...execution }` has its signal and its steps. */
export function publicEngine<Transaction>(engine: Engine<Transaction>): Engine<Transaction> {
  return {
    run: async (operation, work) => engine.run(operation, (execution) => work(userExecution(execution))),
    runUnkeyed: (scope, work) => engine.runUnkeyed(scope, (execution) => work(userExecution(execution))),
    close: () => engine.close(),
  };
}
