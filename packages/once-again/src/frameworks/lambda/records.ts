import { hash } from "node:crypto";
import { logError } from "../../core/error-log.ts";
import { errorText } from "../../core/error-text.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { notify } from "../../core/listener.ts";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { semaphore } from "../../core/semaphore.ts";
import { systemClock } from "../../core/system-clock.ts";
import type { Mode } from "../../engine/options.ts";
import { timeLeftMsMin } from "../../engine/time-left.ts";
import type { FunctionExecution, FunctionOptions, FunctionRules } from "../../function/function-options.ts";
import { openCalls } from "../../function/once-function.ts";
import { fittingName } from "../../key/producers-id.ts";
import { type LambdaContext, lambdaFunction, type LambdaFunction, timeLeftMs } from "./invocation.ts";

/** The options that only results need: a record has none. */
type ResultOptions = "codec" | "refusals" | "resultBytesMax" | "retryAfterMs" | "fingerprint" | "key";

/** The options that only records have. */
export interface RecordRules<Record> {
  /** Names the effect of a record, 1 to 255 characters, the same in every repeat; default by its source. */
  readonly key?: ((record: Record) => string) | undefined;
  /**
   * How many records of an event are handled at a time, 1 to 1000; default 10. Those of one group of a FIFO queue are handled
   * one after the other, and so are all of a stream.
   */
  readonly concurrency?: number | undefined;
}

/** Options of a function for records, in either mode. */
export type RecordOptions<Record, Transaction> = Omit<FunctionRules<[record: Record], void>, ResultOptions> &
  RecordRules<Record> &
  Mode<Transaction>;

/** Handles one record. What it returns is not stored. */
export type RecordHandler<Record, Transaction, Context> = (
  record: Record,
  execution: FunctionExecution<Transaction>,
  context: Context,
) => unknown;

/** A source of records, and how they are distinguished. */
export interface RecordSource<Base> {
  /** The function of this source, for errors. */
  readonly name: string;
  /** The parts that each of its records has, and their types. A record without one is of another source. */
  readonly parts: { readonly [Part in keyof Base]?: "string" | "object" };
  /** Names a record where the user does not. */
  readonly key: (record: Base) => string;
  /** The parts of a record that are the same in every delivery, as JSON. */
  readonly covered: (record: Base) => unknown;
  /** Records of one group are handled in order, and none after one that failed; `undefined`: it is alone. */
  readonly group: (record: Base) => string | undefined;
}

/** A record that failed, and why. `error` is `undefined` for one that was not tried, since one before it failed. */
export interface FailedRecord<Base> {
  readonly record: Base;
  readonly error: unknown;
}

/** Makes functions for the records of one source. */
export interface OnceRecords<Base, Answer> {
  <Transaction = undefined, Record extends Base = Base, Context extends LambdaContext = LambdaContext>(
    options: RecordOptions<Record, Transaction>,
    handler: RecordHandler<Record, Transaction, Context>,
  ): LambdaFunction<{ readonly Records: readonly Record[] }, Answer, Context>;
}

/** @param answer the answer to Lambda; it throws where the whole event has to come again. */
export function recordsFrom<Base, Answer>(
  source: RecordSource<Base>,
  answer: (failed: readonly FailedRecord<Base>[]) => Answer,
): OnceRecords<Base, Answer> {
  return <Transaction, Record extends Base, Context extends LambdaContext>(
    options: RecordOptions<Record, Transaction>,
    handler: RecordHandler<Record, Transaction, Context>,
  ) => {
    const { key = source.key, concurrency = 10, ...others } = options ?? {};
    if (typeof key !== "function") throw invalidOptionError("key", "a function of the record", key);
    checkNumber("concurrency", concurrency, { min: 1, max: 1000, integer: true });
    const functionOptions = { ...others, key, fingerprint: source.covered, resultBytesMax: undefined };
    const calls = openCalls(functionOptions as FunctionOptions<[record: Record], void, Transaction>, handler, {
      name: source.name,
      argument: "handler",
      others: { concurrency: true },
    });
    const { onError = logError } = options;
    const run = async (event: { readonly Records: readonly Record[] }, context?: Context): Promise<Answer> => {
      const handle = (record: Record, leftMs: number | undefined): Promise<void> =>
        calls.call([record], async (execution) => void (await handler(record, execution, context as Context)), leftMs);
      const failed = await handleRecords(source, checkedRecords(source, event), handle, {
        concurrency,
        timeLeftMs: () => timeLeftMs(context),
      });
      for (const { record, error } of failed) {
        if (isWorthSaying(error)) notify(onError, error, { room: source.name, key: keyOf(key, record as Record) });
      }
      return answer(failed);
    };
    return lambdaFunction(run, calls);
  };
}

/** The key of a record that failed, for the log; missing where the function that names it is what failed. */
function keyOf<Record>(key: (record: Record) => unknown, record: Record): string | undefined {
  try {
    return String(key(record));
  } catch {
    return undefined;
  }
}

/** Another invocation has it, or it was not tried: there is nothing to do about it. */
function isWorthSaying(error: unknown): boolean {
  return error !== undefined && !OnceAgainError.isInstance(error, "ONCE_IN_PROGRESS");
}

function checkedRecords<Base, Record extends Base>(
  { name, parts }: RecordSource<Base>,
  event: { readonly Records: readonly Record[] },
): readonly Record[] {
  const records: unknown = (event as { readonly Records?: unknown } | null)?.Records;
  if (!Array.isArray(records)) throw invalidOptionError("event", "an object with Records", typeof event);
  for (const [index, record] of (records as unknown[]).entries()) {
    const lacks = typeof record === "object" && record !== null ? missingPart(record, parts) : "everything";
    if (lacks === undefined) continue;
    throw new OnceAgainError(
      "ONCE_OPTION_INVALID",
      `event.Records[${index}] lacks ${lacks}, which each record has that ${name} takes. Nothing of the event was begun: is it of another source?`,
      { details: { option: "event" } },
    );
  }
  return records as readonly Record[];
}

function missingPart(record: object, parts: Readonly<Record<string, unknown>>): string | undefined {
  const given = record as Readonly<Record<string, unknown>>;
  return Object.keys(parts).find((part) => typeof given[part] !== parts[part] || given[part] === null);
}

/** The bounds of the records of one event. */
interface RecordBounds {
  readonly concurrency: number;
  readonly timeLeftMs: () => number | undefined;
}

/**
 * Handles the records of an event: those of one group in order, others side by side. A record is not begun where less than
 * twice the time is left that the slowest one before it took: it comes again, and nothing of it is unknown.
 */
async function handleRecords<Base, Record extends Base>(
  { group }: RecordSource<Base>,
  records: readonly Record[],
  handle: (record: Record, leftMs: number | undefined) => Promise<void>,
  { concurrency, timeLeftMs: readTime }: RecordBounds,
): Promise<FailedRecord<Base>[]> {
  const errors = new Map<Record, unknown>();
  const places = semaphore(concurrency);
  let slowestMs = 0;
  const handleInTime = async (record: Record): Promise<void> => {
    const beganAt = systemClock.monotonic();
    const leftMs = readTime();
    if (leftMs !== undefined && leftMs < Math.max(timeLeftMsMin, 2 * slowestMs)) {
      return void errors.set(record, undefined);
    }
    try {
      await handle(record, leftMs);
    } catch (error) {
      errors.set(record, error);
    }
    slowestMs = Math.max(slowestMs, systemClock.monotonic() - beganAt);
  };
  await Promise.all(
    groupsOf(records, group).map(async (inOrder) => {
      const place = places.take();
      if (place !== undefined) await place;
      try {
        for (const [index, record] of inOrder.entries()) {
          await handleInTime(record);
          if (!errors.has(record)) continue;
          for (const later of inOrder.slice(index + 1)) errors.set(later, undefined);
          return;
        }
      } finally {
        places.leave();
      }
    }),
  );
  return records.filter((record) => errors.has(record)).map((record) => ({ record, error: errors.get(record) }));
}

function groupsOf<Record>(
  records: readonly Record[],
  group: (record: Record) => string | undefined,
): readonly (readonly Record[])[] {
  const groups = new Map<unknown, Record[]>();
  for (const record of records) {
    const name: unknown = group(record) ?? record;
    const inOrder = groups.get(name);
    if (inOrder === undefined) groups.set(name, [record]);
    else inOrder.push(record);
  }
  return [...groups.values()];
}

/** A name out of several parts. */
export function nameFrom(...parts: readonly (string | undefined)[]): string {
  const name = parts.filter((part) => part !== undefined).join(" ");
  return fittingName(name, (text) => hash("sha256", text, "hex"));
}

/** The answer to Lambda where its event source mapping has `ReportBatchItemFailures`: what shall come again. */
export function batchFailures(ids: readonly string[]): { batchItemFailures: { itemIdentifier: string }[] } {
  return { batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) };
}

/**
 * From which record on a stream shall hand over again: the first that failed, behind which none was tried. Lambda takes an
 * empty identifier for the whole batch.
 */
export function answerStream<Record>(
  sequenceNumber: (record: Record) => string | undefined,
): (failed: readonly FailedRecord<Record>[]) => ReturnType<typeof batchFailures> {
  return ([first]) => batchFailures(first === undefined ? [] : [sequenceNumber(first.record) ?? ""]);
}

/** Has Lambda hand the whole event over again: what was done is not done again. @throws what failed. */
export function answerWhole(failed: readonly FailedRecord<unknown>[]): void {
  const errors = failed.map(({ error }) => error ?? new Error("There was no time left to begin it."));
  if (errors.length === 1) throw errors[0];
  if (errors.length === 0) return;
  throw new AggregateError(errors, `${errors.length} records failed; the first one: ${errorText(errors[0])}`);
}
