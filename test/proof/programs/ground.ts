import type { AsyncStore, TransactionalStore } from "../../../packages/once-again/src/stores/store.ts";

/** Rows that runs of a program wrote and that are committed: the run, and the effect's place in the program. */
export interface Row {
  readonly run: number;
  readonly effect: string;
}

/** A store, and what handlers write to: of one program, and of one of its two processes. */
export interface Ground {
  /** How the route keeps its promise. */
  readonly rules: GroundRules;
  /** Executes one statement of the handler's; `transaction` is the handler's. */
  readonly send: (transaction: unknown, statement: string) => Promise<unknown>;
  /** The statement that writes one effect. */
  readonly insert: (row: Row) => string;
}

export type GroundRules =
  | { readonly mode: "transactional"; readonly store: TransactionalStore<unknown> }
  | { readonly mode: "leased"; readonly onUnknown: "hold" | "look"; readonly store: AsyncStore };

/** Where programs run: opened once, used by many programs, one after the other. */
export interface Place extends AsyncDisposable {
  readonly name: string;
  /** The grounds of a program's two processes, on one store. */
  readonly grounds: (program: string) => readonly [Ground, Ground];
  /** The rows that a program has written. */
  readonly rows: (program: string) => Promise<readonly Row[]>;
}
