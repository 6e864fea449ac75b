import { hasMethod, wrongClientError } from "../../core/duck-typing.ts";
import { logError } from "../../core/error-log.ts";
import { notify } from "../../core/listener.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkChoice, checkFunction, checkNumber, invalidOptionError } from "../../core/options.ts";
import { systemRandom } from "../../core/random.ts";
import { systemClock } from "../../core/system-clock.ts";
import type { Execution, Reconciled } from "../../engine/engine.ts";
import { nameProblem } from "../../key/key.ts";
import {
  engineOptionNames,
  type EngineOptions,
  engineOptionsOf,
  type LeasedMode,
  type Mode,
} from "../../engine/options.ts";
import { type Backoff, exponentialBackoff } from "../../retry/index.ts";
import { steadyBackoff } from "../../retry/steady-backoff.ts";
import type { ReadableMessage } from "./inbox-message.ts";

/** The second argument of the work, beside the message. */
export interface MessageExecution<Transaction = undefined> extends Execution<Transaction> {
  /** The message's id. */
  readonly key: string;
}

/** Finds out whether the effect of a message happened, before it is handled again after an attempt without a result. */
export type ReconcileMessage = (execution: MessageExecution, message: ReadableMessage) => Promise<Reconciled<void>>;

/** How one consumer handles its messages. */
export interface InboxRules extends Omit<EngineOptions, "onUnknown" | "waitMs"> {
  /**
   * The consumer that has these effects: 1 to 255 characters, the scope of their records. Each consumer of a message has its own
   * effect: "billing" charges and "shipping" ships.
   */
  readonly consumer: string;
  /**
   * Treatment of a message with an unknown outcome (its work failed, or its process died): `"hold"` (default), it goes to
   * the dead letters, and its record is held until a person has looked; `"rerun"`, again; or a function that looks the
   * effect up. In transactional mode this never arises.
   */
  readonly onUnknown?: "hold" | "rerun" | ReconcileMessage | undefined;
  /**
   * How often work may fail for a message: a whole number of at least 1, default 10. Then it goes to the dead letters. Work
   * that throws is counted by the process that runs it, and not by deliveries: what is given back when a consumer closes was
   * not tried. A message that is delivered more often than this is tried alone, with nothing else of this inbox beside it;
   * if its process dies then, it is a dead letter.
   */
  readonly deliveriesMax?: number | undefined;
  /**
   * How long to wait before a message is tried again. Default exponential: 1, 2, 4 s up to 30 s, with equal jitter. `onError` gets
   * of one that throws, or answers with no number of at least 0, and the default decides.
   */
  readonly backoff?: Backoff | undefined;
  /** How long a handled message is remembered, milliseconds; default 7 days. Longer than any repeat may take to come. */
  readonly retentionMs?: number | undefined;
}

/** Options of an inbox, in either mode. In a transaction commits also what is added to an outbox in it. */
export type InboxOptions<Transaction> = InboxRules & Mode<Transaction>;

const names: OptionNames<InboxRules & LeasedMode> = {
  ...engineOptionNames,
  store: true,
  mode: true,
  consumer: true,
  deliveriesMax: true,
  backoff: true,
};

const dayMs = 86_400_000;

/** The options of the engine under an inbox. */
export function inboxEngineOptions({ retentionMs = 7 * dayMs, ...options }: InboxRules): EngineOptions {
  // It waits for another consumer by itself, and is not held up in the engine meanwhile.
  return engineOptionsOf({ ...options, retentionMs, waitMs: 0 });
}

/** The rules, checked, with every default filled in. */
export type InboxSettings = ReturnType<typeof inboxSettings>;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for the first option that makes no sense. */
export function inboxSettings<Transaction>(options: InboxOptions<Transaction>) {
  if (hasMethod(options, "claim")) throw wrongClientError("options", "an object such as { store, consumer }", options);
  const { waitMs: _waitMs, ...known } = names as typeof names & { waitMs: true };
  checkNames("openInbox", options, known);
  const { consumer, onUnknown } = options;
  if (nameProblem(consumer) !== undefined) throw invalidOptionError("consumer", "the name of this consumer", consumer);
  const otherwise = exponentialBackoff();
  return Object.freeze({
    consumer,
    transactional: checkChoice("mode", options.mode ?? "leased", ["leased", "transactional"]) === "transactional",
    reconcile: typeof onUnknown === "function" ? onUnknown : undefined,
    isHolding: (onUnknown ?? "hold") === "hold",
    quiesceMs: options.quiesceMs ?? 0,
    leaseMs: options.leaseMs ?? 30_000,
    deliveriesMax: checkNumber("deliveriesMax", options.deliveriesMax ?? 10, { min: 1, integer: true }),
    backoff: steadyBackoff("backoff", checkFunction("backoff", options.backoff) ?? otherwise, otherwise, (error) =>
      notify(options.onError ?? logError, error, { room: "inbox", consumer }),
    ),
    random: options.random ?? systemRandom,
    clock: options.clock ?? systemClock,
  });
}
