import { appendFileSync, existsSync, readFileSync } from "node:fs";

/** How an operation of an API process is run. */
export type Mode = "hold" | "transactional";

/**
 * How far an API process has come with an operation, in order: it asked for the key, was granted it, had the effect, asked
 * the store for the result (in transactional mode: for the commit), and got the confirmation.
 */
export const steps = ["asked", "granted", "effect", "completing", "completed"] as const;
export type Step = (typeof steps)[number];

/**
 * The other answers of a store: it did not answer (`failed`); another process has the key, or its result is there
 * (`turned-away`); the owner has lost its key, so its result is not stored (`refused`).
 */
export type StoreRefusal = "failed" | "turned-away" | "refused";

/** A line in the diary of an API process. `at` is milliseconds since the epoch, in every diary. */
export type ApiEntry = { readonly at: number; readonly life: string; readonly order: string } & (
  | { readonly event: Step | StoreRefusal }
  /** A request came, or its answer was handed to the system. */
  | { readonly event: "received"; readonly attempt: string; readonly framework: string }
  | { readonly event: "answered"; readonly attempt: string; readonly status: number }
);

/** A line in the diary of a caller, which is also its order book. */
export type CallerEntry = { readonly at: number; readonly life: string; readonly order: string } &
  /** It wants it, and has not sent anything yet. */
  (
    | { readonly event: "ordered" }
    | { readonly event: "sent"; readonly attempt: string }
    | { readonly event: "answered"; readonly attempt: string; readonly status: number; readonly text: string }
    | { readonly event: "lost"; readonly attempt: string }
    /** How its intent ended is on disk, by this process. */
    | { readonly event: "stored" }
    /** Its intent has ended, by whichever process. */
    | { readonly event: "settled" }
  );

/** An entry as its writer has it, before it says when and in which life. */
export type ChildEvent<Entry> = Entry extends unknown ? Omit<Entry, "at" | "life"> : never;

/** The effect of an order in the world. Only its key prevents a second one of the same order. */
export interface Effect {
  readonly effect: string;
  readonly order: string;
  readonly life: string;
}

/** The life of a process: from a start to its end. */
export interface Death {
  readonly life: string;
  readonly at: number;
}

/** A time in which a process stood still. */
export interface Pause {
  readonly life: string;
  readonly from: number;
  readonly until: number;
}

/** A fault by an operator, and how long it lasted. */
export interface OperatorFault {
  readonly name: string;
  readonly from: number;
  readonly until: number;
  /** The lives that it was done to; default all. */
  readonly lives?: readonly string[] | undefined;
}

/** Everything that a run left behind, as it was found. */
export interface Evidence {
  readonly mode: Mode;
  /** How long a lease is, of a key and of an intent, milliseconds. */
  readonly leaseMs: number;
  readonly api: readonly ApiEntry[];
  readonly callers: readonly CallerEntry[];
  readonly ledger: readonly Effect[];
  /** The orders that have a result under their key. */
  readonly done: ReadonlySet<string>;
  /** The API process that another version runs in, where one does. */
  readonly otherVersion?: string | undefined;
  readonly deaths: readonly Death[];
  readonly pauses: readonly Pause[];
  readonly operations: readonly OperatorFault[];
  /** How many requests to store a result were executed, and their answer cut off. */
  readonly completionsCut: number;
  /** How many were cut off before they were executed. */
  readonly completionsLost: number;
  /** How many requests for a key, and to store a result, a service refused since it throttled. */
  readonly claimsThrottled: number;
  readonly resultsThrottled: number;
}

/**
 * Appends a line to a file, handed to the system before it returns: a kill of this process can't take it back. A crash of
 * the machine could.
 */
export function append(path: string, entry: object): void {
  appendFileSync(path, `${JSON.stringify(entry)}\n`);
}

/** The lines of a file that `append` wrote; none when there is no file. */
export function readLines<Entry>(path: string): Entry[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Entry);
}
