import { errorText } from "../../core/error-text.ts";
import { OnceAgainError } from "../../core/errors.ts";
import {
  type Engine,
  type Execution,
  type OnceOperation,
  type Outcome,
  type Work,
  type WorkResult,
} from "../../engine/engine.ts";
import { userExecution } from "../../engine/execution.ts";
import type { RoomEngine } from "../../engine/open-engine.ts";
import { runWork } from "../../engine/run-work.ts";
import { workFailure } from "../../engine/work-effect.ts";
import {
  type Handled,
  handledFailure,
  handledMark,
  handledOutcome,
  handledTooOften,
  isRejection,
  type Undecidable,
  type WorkFailure,
} from "./inbox-decisions.ts";
import type { MessagePosition, ReadableMessage } from "./inbox-message.ts";
import type { InboxSettings, MessageExecution } from "./inbox-options.ts";
import type { MessageWork } from "./inbox.ts";

/** The inbox's parts that handle a message. */
export interface InboxParts<Transaction> {
  readonly settings: InboxSettings;
  readonly engine: Engine<Transaction>;
  readonly lookUp: RoomEngine<Transaction>["lookUp"];
  /** Missing where the store has no marks. */
  readonly moveMark: RoomEngine<Transaction>["moveMark"];
  readonly onError: (error: unknown) => void;
}

const nothing = new Uint8Array();

/**
 * @param operation missing for a message without an id: only its position identifies a repeat.
 * @param work missing for a message that ends its process: whether its effect is there is all that is asked.
 */
export async function handleOnce<Transaction>(
  parts: InboxParts<Transaction>,
  operation: OnceOperation | undefined,
  message: ReadableMessage,
  work: MessageWork<Transaction> | undefined,
): Promise<Handled | Undecidable> {
  const { settings, engine, onError } = parts;
  let failure: WorkFailure | undefined;
  /** The reason why the work did not run. */
  let found: Handled | Undecidable | undefined;
  try {
    if (work === undefined && message.position === undefined) return await lookUpEffect(parts, operation!);
    const outcome = await run(engine, settings, operation, async (execution) => {
      failure = undefined;
      found = await lookAtMark(parts, execution.transaction, message.position);
      if (found === undefined && work === undefined) found = handledTooOften(undefined, undefined, settings);
      if (found !== undefined) return { effect: "none", result: nothing };
      return runMessageWork(settings, execution, message, work!, (failed) => (failure = failed));
    });
    if (outcome.kind === "executed") {
      if (found !== undefined) return found;
      if (failure !== undefined) return afterFailure(failure, settings, onError);
    }
    return handledOutcome(outcome, settings, failure);
  } catch (error) {
    if (failure !== undefined) return afterFailure(failure, settings, onError);
    // After a time-out the handler has failed, whatever it still does.
    if (OnceAgainError.isInstance(error, "ONCE_HANDLER_TIMEOUT")) {
      return afterFailure({ error, hadNoEffect: false }, settings, onError);
    }
    onError(error);
    return { isFailure: false, detail: errorText(error) };
  }
}

async function run<Transaction>(
  engine: Engine<Transaction>,
  { consumer }: InboxSettings,
  operation: OnceOperation | undefined,
  work: Work<Transaction>,
): Promise<Outcome> {
  if (operation !== undefined) return engine.run(operation, work);
  return { kind: "executed", result: await engine.runUnkeyed(consumer, work) };
}

/** Moves the mark of a message's partition to it; else what becomes of the message. */
async function lookAtMark<Transaction>(
  { moveMark, settings }: InboxParts<Transaction>,
  transaction: Transaction,
  position: MessagePosition | undefined,
): Promise<Handled | Undecidable | undefined> {
  if (position === undefined) return undefined;
  const { partition: key, sequence, storedAt, end } = position;
  const storedAtMs = storedAt === undefined ? undefined : Math.floor(storedAt);
  const mark = { scope: settings.consumer, key, position: sequence, storedAt: storedAtMs };
  return handledMark(await moveMark!(transaction, mark), mark, settings, end);
}

/** Runs the work of a message, and says what it did. `onFailure` is called where it failed. */
async function runMessageWork<Transaction>(
  settings: InboxSettings,
  execution: Execution<Transaction>,
  message: ReadableMessage,
  work: MessageWork<Transaction>,
  onFailure: (failure: WorkFailure) => void,
): Promise<WorkResult> {
  const { reconcile, quiesceMs, transactional } = settings;
  const shown: MessageExecution<Transaction> = userExecution(Object.assign(execution, { key: message.id }));
  const look = reconcile && (() => reconcile(shown as MessageExecution, message));
  const end = await runWork<void>(execution, { reconcile: look, quiesceMs }, () => work(message, shown));
  if (end.kind === "returned") {
    if (end.effect === "done") return { effect: "done", result: nothing };
    const error = new OnceAgainError("ONCE_NO_EFFECT", "The work said that nothing happened.");
    onFailure({ error, hadNoEffect: true });
    return { effect: "none", result: nothing };
  }
  const { effect, error } = end;
  if (effect === "held") return { effect, result: nothing, cause: error };
  const hadNoEffect = effect === "none" || isRejection(error);
  onFailure({ error, hadNoEffect });
  // A rollback proves that nothing happened.
  if (transactional || hadNoEffect) return { effect: "none", result: nothing, cause: error };
  throw workFailure("The work", error);
}

function afterFailure(failure: WorkFailure, settings: InboxSettings, onError: (error: unknown) => void): Handled {
  if (!isRejection(failure.error)) onError(failure.error);
  return handledFailure(failure, settings);
}

/** Whether the effect is there of a message that ends its process. */
async function lookUpEffect<Transaction>(
  { lookUp, settings }: InboxParts<Transaction>,
  operation: OnceOperation,
): Promise<Handled> {
  const { scope, key } = operation;
  return handledTooOften(await lookUp({ scope, key }), operation, settings);
}
