import { errorText } from "../core/error-text.ts";
import { OnceAgainError } from "../core/errors.ts";
import { leaseLostError } from "../core/lease.ts";
import { checkNumber, invalidOptionError } from "../core/options.ts";
import { deriveKey } from "../key/index.ts";
import type { Acquired, ReleaseRequest } from "../stores/store.ts";
import { recordBrokenError } from "../core/record-errors.ts";
import type { Reconciled, Steps } from "./engine.ts";
import type { HandlerTimeout } from "./handler-timeout.ts";
import type { StepOptions } from "./options.ts";
import type { BoundedStore } from "./bounded-store.ts";
import { heldError } from "./work-effect.ts";

/** The record that stores an operation's steps. */
interface StepRecord {
  scope: string;
  key: string;
  /** The steps that earlier runs stored, by place. */
  stored: Readonly<Record<string, Uint8Array>>;
  /** Whether another worker may begin on the operation at any time, so that no step of this one may begin any more. */
  readonly isOver?: (() => boolean) | undefined;
  /** Stores a step; `false` when this worker no longer owns the operation. */
  store(place: string, bytes: Uint8Array): Promise<boolean>;
  /** Runs and stores a step in one transaction; `undefined` when this worker no longer owns the operation. */
  transact(place: string, work: (transaction: unknown) => Promise<Uint8Array>): Promise<Uint8Array | undefined>;
}

/** A step as it is stored: `begun` for a `once` step that has no result yet. */
export type StoredStep = { name: string; begun: true } | { name: string; value: unknown };

/** The action of a step: return the stored result, look whether the effect happened, or run. */
export type StepAction = "answer" | "look" | "run";

/** Steps of one operation, at most. */
const stepsMax = 1000;

/** The steps of an operation, stored as checkpoints of its record. */
export class StoredSteps {
  readonly steps: Steps;
  /** Whether this run stored a step, and so had an effect. */
  hasStored = false;

  /**
   * @param timeout that of the handler: with it, the transaction of a step is over too.
   * @param isOver whether the lease is over, and another worker may begin.
   */
  constructor(
    boundedStore: BoundedStore,
    owned: ReleaseRequest,
    stored: Acquired["checkpoints"],
    options: StepOptions,
    { timeout, isOver }: { readonly timeout: HandlerTimeout; readonly isOver: () => boolean },
  ) {
    const { scope, key } = owned;
    const record: StepRecord = {
      scope,
      key,
      stored,
      isOver,
      store: (step, result) => {
        this.hasStored = true;
        return boundedStore.checkpoint({ ...owned, step, result });
      },
      transact: async (step, work) => {
        this.hasStored = true;
        return boundedStore.transactStep({ ...owned, step }, (transaction) => timeout.within(work(transaction)));
      },
    };
    this.steps = recordedSteps(record, options);
  }
}

/** The steps of a run that stores nothing after it: there is nothing to resume, so they just run. */
export function plainSteps(
  { scope, key = crypto.randomUUID() }: { scope: string; key: string | undefined },
  options: StepOptions,
  transact: (work: (transaction: unknown) => Promise<Uint8Array>) => Promise<Uint8Array>,
): Steps {
  const store = async (): Promise<boolean> => true;
  return recordedSteps({ scope, key, stored: {}, store, transact: (_place, work) => transact(work) }, options);
}

/** The steps of one run of one operation. */
function recordedSteps(record: StepRecord, options: StepOptions): Steps {
  // Most handlers have no steps.
  let occurrences: Map<string, number> | undefined;
  let places = 0;

  /** The next place, and what an earlier run stored there. */
  const nextPlace = (name: string): { place: string; occurrence: number; stored: StoredStep | undefined } => {
    const place = String(checkNumber("the number of steps", (places += 1), { min: 1, max: stepsMax }));
    occurrences ??= new Map();
    const occurrence = (occurrences.get(name) ?? 0) + 1;
    occurrences.set(name, occurrence);
    const bytes = record.stored[place];
    const stored = bytes === undefined ? undefined : readStored(place, bytes);
    if (stored !== undefined && stored.name !== name) throw stepChanged(place, stored.name, name);
    return { place, occurrence, stored };
  };
  const readStored = (place: string, bytes: Uint8Array): StoredStep => {
    try {
      return decode(bytes);
    } catch (cause) {
      const broken = recordBrokenError(record, `Its step ${place} can't be read: ${errorText(cause)}.`, cause);
      throw heldError("A step of an earlier run can't be read, so it may or may not have happened.", { cause: broken });
    }
  };
  const encode = (step: StoredStep): Uint8Array => {
    const bytes = new TextEncoder().encode(JSON.stringify(step));
    checkNumber(`the stored result of step "${step.name}", in bytes,`, bytes.length, {
      min: 0,
      max: options.checkpointBytesMax,
    });
    return bytes;
  };
  const store = async (place: string, step: StoredStep): Promise<void> => {
    if (!(await record.store(place, encode(step)))) throw leaseLostError();
  };

  return {
    async transaction<Value, Transaction>(name: string, work: (transaction: Transaction) => Value | Promise<Value>) {
      const { place, stored } = nextPlace(name);
      if (stored !== undefined) return readValue<Value>(stored);
      const bytes = await record.transact(place, async (transaction) =>
        encode({ name, value: await work(transaction as Transaction) }),
      );
      if (bytes === undefined) throw leaseLostError();
      return readValue<Value>(decode(bytes));
    },
    async keyed(name, work) {
      const { place, occurrence, stored } = nextPlace(name);
      if (stored !== undefined) return readValue(stored);
      const { scope, key } = record;
      const value = await work(await deriveKey(checkedSecret(options), { scope, key, name, occurrence }));
      await store(place, { name, value });
      return value;
    },
    async once(name, work, reconcile) {
      const { place, stored } = nextPlace(name);
      const action = stepAction(stored);
      if (stored !== undefined && action === "answer") return readValue(stored);
      const reconciled = action === "look" ? checkReconciled(await reconcile(), options) : undefined;
      if (reconciled === "unknown") throw outcomeUnknown(name);
      if (reconciled !== undefined && "found" in reconciled) {
        await store(place, { name, value: reconciled.found });
        return reconciled.found;
      }
      await store(place, { name, begun: true });
      // Another one looks this step up, and counts on it that nothing has begun since the lease was over.
      if (record.isOver?.()) throw leaseLostError();
      const value = await work();
      await store(place, { name, value });
      return value;
    },
  };
}

/** Chooses the action of a step by its stored state. */
export function stepAction(stored: StoredStep | undefined): StepAction {
  if (stored === undefined) return "run";
  return "begun" in stored ? "look" : "answer";
}

/**
 * Checks what a look-up answered: a row, or nothing, would pass for a proof that nothing happened.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an absence that a wait is said to prove, where `quiesceMs` is 0.
 * @throws TypeError for what is no answer.
 */
export function checkReconciled<Value>(
  reconciled: Reconciled<Value>,
  { quiesceMs, optionPath = String }: Pick<StepOptions, "quiesceMs" | "optionPath">,
): Reconciled<Value> {
  if (reconciled === "unknown") return reconciled;
  const answer: unknown = reconciled;
  if (typeof answer === "object" && answer !== null) {
    if ("found" in answer) return reconciled;
    const absent: unknown = "absent" in answer ? answer.absent : undefined;
    if (absent === "fenced" || (absent === "quiesced" && quiesceMs > 0)) return reconciled;
    if (absent === "quiesced") {
      const expected = 'more than 0 where reconcile answers { absent: "quiesced" }';
      throw invalidOptionError(optionPath("quiesceMs"), expected, quiesceMs);
    }
  }
  throw new TypeError(
    'reconcile must answer { found }, { absent: "fenced" }, { absent: "quiesced" } or "unknown". Whatever else it answers, such as a ' +
      "row or nothing, says neither that the effect happened nor that it did not.",
  );
}

/** @throws for what is no step. */
function decode(bytes: Uint8Array): StoredStep {
  const step = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as StoredStep | null;
  if (typeof step?.name !== "string" || ("begun" in step && !step.begun)) throw new TypeError("it is no step");
  return step;
}

/** The value that a step returned; one that returned nothing has none, since JSON has no `undefined`. */
function readValue<Value>(stored: StoredStep): Value {
  return ("value" in stored ? stored.value : undefined) as Value;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` without one. */
export function checkedSecret({
  secret,
  optionPath = String,
}: Partial<Pick<StepOptions, "secret" | "optionPath">>): Uint8Array<ArrayBuffer> {
  if (secret !== undefined) return secret;
  throw invalidOptionError(
    optionPath("secret"),
    "given where a handler has keyed steps: 16 random bytes, the same on every server",
    secret,
  );
}

function stepChanged(place: string, before: string, now: string): OnceAgainError {
  return new OnceAgainError(
    "ONCE_STEP_CHANGED",
    `Step ${place} of this operation was "${before}" in an earlier run and is "${now}" now. A handler with steps must ` +
      "come to the same ones in the same order; give a changed handler a new route, or settle the operation by hand.",
  );
}

function outcomeUnknown(name: string): OnceAgainError {
  return heldError(
    `Step "${name}" of this operation was begun and may or may not have happened. The operation is held until a ` +
      "person has looked; don't send it under another key.",
  );
}
