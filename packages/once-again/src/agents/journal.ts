import { OnceAgainError } from "../core/errors.ts";
import type { Codec } from "../engine/engine.ts";
import { decodeResult } from "../engine/request-end.ts";
import type { RoomEngine } from "../engine/open-engine.ts";
import { makeKey } from "../key/index.ts";
import type { InspectedRecord } from "../stores/store.ts";
import { recordFault } from "../core/record-errors.ts";
import type { Intention } from "./match-call.ts";
import type { RunRules } from "./run-options.ts";

/** The record of an intention, stored before its call. */
export interface IntentionRecord {
  readonly tool: string;
  readonly fingerprint: string;
  readonly input: unknown;
  /** The key that its call carries. */
  readonly key: string;
  /** How the history began after which it was planned, as a hash. */
  readonly root?: string | undefined;
  /** The intention that a person said it is, which has the call. */
  readonly same?: string | undefined;
  /** The intentions that a person said neither it nor a later one is. */
  readonly apart?: readonly string[] | undefined;
}

/** The intentions of a run, as they are in the store. */
export interface Journal {
  /** In the order in which they were written down here, those of earlier processes first. */
  intentions(): Promise<readonly JournalEntry[]>;
  /** Writes an intention down; one that is written down already, also by another process meanwhile, stays as it is. */
  add(name: string, record: Omit<IntentionRecord, "key">): Promise<JournalEntry>;
}

/** An intention, and what is written down of it. */
export interface JournalEntry extends Intention {
  readonly record: IntentionRecord;
}

/** An intention and its call have a record each, in the run's scope. */
const [intentionMark, callMark] = ["intention ", "call "];

/** The key of an intention's call in the store. */
export const callRecordKey = (name: string): string => callMark + name;

/** How many records are listed at a time. */
const pageSize = 1000;

const [encoder, decoder] = [new TextEncoder(), new TextDecoder("utf-8", { fatal: true })];

const codec: Codec<IntentionRecord> = {
  encode: (record) => encoder.encode(JSON.stringify(record)),
  decode(bytes) {
    const record = JSON.parse(decoder.decode(bytes)) as IntentionRecord | null;
    const isIntention = [record?.tool, record?.fingerprint, record?.key].every((part) => typeof part === "string");
    if (record === null || !isIntention) throw new TypeError("it is no intention");
    return record;
  },
};

export function openJournal(
  { scope, intentionsMax }: RunRules,
  { engine, list, options: { clock, random } }: Pick<RoomEngine<undefined>, "engine" | "list" | "options">,
): Journal {
  let read: Promise<Map<string, JournalEntry>> | undefined;

  const readAll = async (): Promise<Map<string, JournalEntry>> => {
    const records: InspectedRecord[] = [];
    for (;;) {
      const last = records.at(-1);
      const request = { scope, limit: pageSize, ...(last && { after: { scope, key: last.key } }) };
      const page = await list(request);
      records.push(...page);
      if (page.length < pageSize) break;
    }
    return entriesOf(records);
  };
  const entries = (): Promise<Map<string, JournalEntry>> => {
    read ??= readAll().catch((cause: unknown) => {
      read = undefined;
      throw recordFault(cause) ?? unreadError(cause);
    });
    return read;
  };

  return {
    intentions: async () => [...(await entries()).values()],
    async add(name, given) {
      const known = await entries();
      const planned = known.get(name);
      if (planned !== undefined) {
        markApart(known, { ...planned.record, apart: given.apart });
        return planned;
      }
      if (known.size >= intentionsMax) throw fullError(intentionsMax);
      const record: IntentionRecord = { ...given, key: makeKey({ clock, random }) };
      const operation = { scope, key: intentionMark + name, fingerprint: given.fingerprint, codec };
      const outcome = await engine.run(operation, async () => ({ effect: "done", result: record }));
      if (outcome.kind !== "executed" && outcome.kind !== "replayed") throw takenError(name, outcome.kind);
      const entry = entryOf(name, outcome.result, "planned");
      known.set(name, entry);
      markApart(known, entry.record);
      return entry;
    },
  };
}

/** Reads the stored calls of a run. A call without an intention is not from this library. */
function entriesOf(records: readonly InspectedRecord[]): Map<string, JournalEntry> {
  const calls = new Map(records.filter(({ key }) => key.startsWith(callMark)).map((call) => [call.key, call]));
  const intentions = records
    .filter(({ key, record }) => key.startsWith(intentionMark) && record.result !== undefined)
    .sort((one, other) => one.record.createdAt - other.record.createdAt);
  const entries = new Map(
    intentions.map((found) => {
      const {
        key,
        record: { result },
      } = found;
      const name = key.slice(intentionMark.length);
      const call = calls.get(callRecordKey(name));
      const state = call === undefined ? "planned" : call.state === "done" ? "done" : "unknown";
      return [name, entryOf(name, decodeResult({ ...found, codec }, result!), state)];
    }),
  );
  for (const { record } of entries.values()) markApart(entries, record);
  return entries;
}

function markApart(entries: ReadonlyMap<string, JournalEntry>, { apart = [] }: IntentionRecord): void {
  for (const name of apart) {
    const entry = entries.get(name);
    if (entry !== undefined) entry.isApart = true;
  }
}

function entryOf(name: string, record: IntentionRecord, state: Intention["state"]): JournalEntry {
  const { tool, fingerprint, root, same } = record;
  return {
    name,
    tool,
    fingerprint,
    root,
    same,
    record,
    state,
    matchedName: undefined,
    isWaiting: false,
    isReturned: false,
    isApart: false,
    answer: undefined,
  };
}

function unreadError(cause: unknown): OnceAgainError {
  const message = "The run's intentions can't be read. Nothing happened.";
  return new OnceAgainError("ONCE_STORE_UNAVAILABLE", message, { cause });
}

function fullError(intentionsMax: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_INTENTS_FULL",
    `This run has ${intentionsMax} intentions, and no more are allowed. Nothing happened. Look whether its model goes round ` +
      "in circles, or raise intentionsMax.",
  );
}

function takenError(name: string, kind: string): OnceAgainError {
  return new OnceAgainError(
    "ONCE_IN_PROGRESS",
    `The intention "${name}" is being written down by another process of this run (${kind}). Nothing happened here. Resume ` +
      "a run in one process at a time.",
  );
}
