import { checkNames, type OptionNames } from "../../core/option-names.ts";
import type { Clock } from "../../core/clock.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { checkNumber } from "../../core/options.ts";
import { recordId } from "../../key/key.ts";
import { systemClock } from "../../core/system-clock.ts";
import { heldCount, heldCountMax } from "../health.ts";
import { firstRecords } from "../list-records.ts";
import {
  type AnswerTo,
  inspectRecord,
  isExpired,
  type Operation,
  recordOperations,
  transition,
  aheadOf,
} from "../transition.ts";
import type { InspectedRecord, KeyRecord, ListRequest, RecordName, Store } from "../store.ts";

/** How much a memory store keeps, and by which clock. */
export interface MemoryStoreOptions {
  /** Default the machine's clock. */
  readonly clock?: Clock | undefined;
  /** How many records are stored, 1 or more; default 100,000. A claim beyond them is refused: no record may be lost. */
  readonly recordsMax?: number | undefined;
}

/**
 * A store in this process's memory, for tests and for single processes that may forget everything when they end.
 *
 * @example
 * ```ts
 * const store = memoryStore({ recordsMax: 1000 });
 * app.post("/orders", onceExpress({ store, scope: "public" }), createOrder);
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  checkNames("memoryStore", options, { clock: true, recordsMax: true } satisfies OptionNames<MemoryStoreOptions>);
  const clock = options.clock ?? systemClock;
  const recordsMax = checkNumber("recordsMax", options.recordsMax ?? 100_000, { min: 1, integer: true });
  const records = new Map<string, RecordName & { record: KeyRecord }>();
  // No record expires before: as long as none can have, none needs to be looked at.
  let firstExpiryAt = Number.POSITIVE_INFINITY;

  const purge = (limit: number, scope?: string): number => {
    const now = clock.now();
    if (now < firstExpiryAt) return 0;
    let purged = 0;
    let firstLeftAt = Number.POSITIVE_INFINITY;
    for (const [id, { record, scope: own }] of records) {
      if (purged === limit) return purged;
      if (isExpired(record, now) && (scope === undefined || own === scope)) {
        records.delete(id);
        purged += 1;
      } else firstLeftAt = Math.min(firstLeftAt, record.expiresAt);
    }
    firstExpiryAt = firstLeftAt;
    return purged;
  };

  const add = (id: string, { scope, key }: RecordName, record: KeyRecord): void => {
    if (records.size >= recordsMax && purge(recordsMax) === 0) {
      throw new OnceAgainError(
        "ONCE_STORE_UNAVAILABLE",
        `The memory store is full with ${recordsMax} records, of which ${countUnfinished(records)} run or are held. Settle ` +
          "held keys, raise recordsMax, or use a store on disk.",
      );
    }
    records.set(id, { scope, key, record });
  };

  const apply = <Asked extends Operation>(operation: Asked): AnswerTo<Asked> => {
    const id = recordId(operation);
    const stored = records.get(id);
    const { record, answer } = transition(stored?.record, operation, clock.now());
    if (record === undefined) {
      records.delete(id);
      return answer;
    }
    if (stored === undefined) add(id, operation, record);
    else stored.record = record;
    firstExpiryAt = Math.min(firstExpiryAt, record.expiresAt);
    return answer;
  };

  return {
    survivesFailover: "no",
    ...recordOperations(apply),
    inspect: (name) => {
      const stored = records.get(recordId(name));
      if (stored === undefined || isExpired(stored.record, clock.now())) return undefined;
      return inspectRecord(stored, stored.record, clock.now());
    },
    list: (request) => listed([...records.values()], request, clock.now()),
    purge: ({ limit, scope }) => purge(limit, scope),
    countHeld: () => {
      const now = clock.now();
      const held = [...records.values()].flatMap(({ record }) =>
        isHeldForEver(record, now) ? [record.leaseUntil] : [],
      );
      const ahead = [...records.values()].filter(({ record }) => isAhead(record, now)).length;
      return heldCount(now, held.slice(0, heldCountMax), Math.min(ahead, heldCountMax));
    },
    close: async () => records.clear(),
  };
}

function countUnfinished(records: ReadonlyMap<string, { record: KeyRecord }>): number {
  return [...records.values()].filter(({ record }) => record.state === "running").length;
}

function isHeldForEver({ state, leaseUntil, expiresAt }: KeyRecord, now: number): boolean {
  return state === "running" && leaseUntil <= now && expiresAt === Number.POSITIVE_INFINITY;
}

function isAhead(record: KeyRecord, now: number): boolean {
  return (
    record.state === "running" &&
    record.expiresAt === Number.POSITIVE_INFINITY &&
    aheadOf(record, now).aheadMs !== undefined
  );
}

function listed(records: (RecordName & { record: KeyRecord })[], request: ListRequest, now: number): InspectedRecord[] {
  const found = records
    .filter((named) => !isExpired(named.record, now))
    .map((named) => inspectRecord(named, named.record, now));
  return firstRecords(found, request);
}
