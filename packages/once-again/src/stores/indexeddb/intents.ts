import type { Clock } from "../../core/clock.ts";
import { type Listener, notify } from "../../core/listener.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkChoice, checkFunction, invalidOptionError } from "../../core/options.ts";
import { systemClock } from "../../core/system-clock.ts";
import { checkListLimit } from "../list-records.ts";
import type {
  ClaimedIntent,
  ClaimedIntents,
  ClaimIntentsRequest,
  Intent,
  IntentFacts,
  IntentOutcome,
  IntentStore,
  PendingIntent,
} from "../intent-store.ts";
import {
  type BrowserGlobals,
  type IdbCursor,
  type IdbKeyRanges,
  type IdbObjectStore,
  type IdbRequest,
  type IndexedDbFactory,
  resultOf,
} from "./client.ts";
import { type IndexedDbConnection, indexedDbConnection, type IndexedDbEvent, type OpenStores } from "./connection.ts";
import { tabLock, type TabLock } from "./tab-lock.ts";

/** Where intents are stored in a browser. */
export interface IndexedDbOptions {
  /** The name of the database, which belongs to this site alone: default `"once-again"`. */
  readonly name?: string | undefined;
  /**
   * Whether the browser is asked to keep this site's data (`navigator.storage.persist()`), when the database is first
   * opened: default `true`. Firefox asks its user; ask at a better moment yourself with `false`.
   */
  readonly askToPersist?: boolean | undefined;
  /**
   * `"hold"` (default): while `navigator.onLine` is false, nothing is sent, and nothing is postponed for it. `"send"`: for a
   * page with servers that are reached without a network, such as one on the same machine.
   */
  readonly whenOffline?: "hold" | "send" | undefined;
  /**
   * The store that goes on where the browser refuses this site's data: `memoryIntents()` of `once-again/stores/memory`, which ends with the
   * page. Default none: each call rejects. `intents.durability()` says which it is. A database that does not open in time is not
   * refused: it may hold what an earlier life of the page has sent.
   */
  readonly fallback?: IntentStore | undefined;
  /** Is notified of what befalls the database. What it throws is dropped. */
  readonly onEvent?: Listener<IndexedDbEvent> | undefined;
  /** Default `globalThis.indexedDB`. Its `IDBKeyRange` is global in any case: another than the browser's needs `globalThis.IDBKeyRange`. */
  readonly indexedDB?: IndexedDbFactory | undefined;
  /** Where time comes from; default the machine's clock. */
  readonly clock?: Clock | undefined;
}

const names: OptionNames<IndexedDbOptions> = {
  name: true,
  askToPersist: "boolean",
  whenOffline: true,
  fallback: true,
  onEvent: true,
  indexedDB: true,
  clock: true,
};

/** An intent with what only the store needs. */
type Row = IntentFacts &
  (PendingIntent | IntentOutcome) & {
    readonly origin: string;
    /** While it is pending: the time from which it may be claimed. */
    readonly dueAt?: number;
    readonly owner?: string;
    /** The lock of the tab that sends it. */
    readonly tab?: string;
    /** Of one that is done or failed. */
    readonly expiresAt?: number;
  };
type PendingRow = Extract<Row, { state: "pending" }>;

/** The store and the time that a transaction works with. */
interface Step {
  readonly intents: IdbObjectStore;
  readonly ranges: IdbKeyRanges;
  /** The store's time. */
  readonly now: number;
}

/** How long a claim that finds the browser offline has the next one wait, milliseconds. */
const offlinePauseMs = 1000;

/**
 * Durable intents in a browser: in IndexedDB, which runs the transactions of all tabs and workers of a site one after
 * the other. An acknowledged change is committed with strict durability, by whichever tab. Any number of tabs may share a database. Leases
 * decide who sends; where there are Web Locks, the intents of a tab that was closed are free at once.
 *
 * The database is opened by the first call, or by the next one where the browser has not opened it within 4 s. On a server, where there is no IndexedDB, each call rejects.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`. Calls reject with `ONCE_STORE_UNAVAILABLE`; with `ONCE_INTENTS_FULL` when the
 *   browser gives no more room; with `ONCE_OPTION_INVALID` when another program has a database of this name.
 * @example
 * ```ts
 * const intents = openIntents({ store: indexeddbIntents({ name: "shop" }), keys: ["https://api.shop.example"] });
 * void intents.resume();
 * ```
 */
export function indexeddbIntents(options: IndexedDbOptions = {}): IntentStore {
  checkNames("indexeddbIntents", options, names);
  const { name = "once-again", askToPersist = true, whenOffline = "hold", fallback, onEvent, indexedDB } = options;
  if (typeof name !== "string" || name === "") throw invalidOptionError("name", "a text", name);
  checkChoice("whenOffline", whenOffline, ["hold", "send"]);
  checkFunction("onEvent", onEvent);
  const clock = options.clock ?? systemClock;
  const connection = indexedDbConnection(name, indexedDB, { askToPersist, clock, onEvent });
  const steps = stepsOf(connection, clock);
  const lock = tabLock(name);
  const store: IntentStore = {
    ...additions(steps),
    ...ownersCalls(steps, claimer(steps, lock, whenOffline)),
    ...looks(steps),
    async close() {
      lock.release();
      connection.close();
    },
  };
  if (fallback === undefined) return store;
  const onFallback = (): void => notify(onEvent, { type: "refused" });
  return withFallback(store, fallback, { isRefused: () => connection.isRefused(), onFallback });
}

function additions({ write }: Steps): Pick<IntentStore, "add"> {
  return {
    add: ({ id, key, fingerprint, request, giveUpAfterMs, openMax, inDoubt = false }) =>
      write(async ({ intents, ranges, now }) => {
        const found = await rowOf(intents, id);
        if (found !== undefined) return { kind: "found", intent: readRow(found) };
        const count = (state: string) => resultOf(intents.index("state").count(ranges.bound([state], [state, []])));
        if ((await count("pending")) + (await count("unknown")) >= openMax) return { kind: "full" };
        const facts = {
          id,
          key,
          fingerprint,
          createdAt: now,
          giveUpAt: now + giveUpAfterMs,
          claims: 0,
          postponedMs: 0,
        };
        const row: Row = {
          ...facts,
          request: { ...request, body: request.body && ownBytes(request.body) },
          origin: new URL(request.url).origin,
          ...waiting(now, inDoubt),
        };
        await resultOf(intents.put(row));
        return { kind: "added", intent: readRow(row) };
      }),
  };
}

/** The calls that change one intent: those of its owner, and what a person decides. */
function ownersCalls(
  { write }: Steps,
  claims: Claims,
): Pick<IntentStore, "claim" | "renew" | "postpone" | "end" | "settle" | "reopen"> {
  const change = (id: string, next: (row: Row, now: number) => Row | undefined): Promise<boolean> =>
    write(async ({ intents, now }) => {
      const row = await rowOf(intents, id);
      const changed = row && next(row, now);
      if (changed !== undefined) await resultOf(intents.put(changed));
      return changed !== undefined;
    });
  /** Changes a pending intent that this owner has. */
  const changeOwned = (id: string, owner: string, next: (row: PendingRow, now: number) => Row): Promise<boolean> =>
    change(id, (row, now) => (row.state === "pending" && row.owner === owner ? next(row, now) : undefined));

  return {
    claim: claims.claim,
    renew: ({ id, owner, leaseMs }) =>
      claims.keep(
        id,
        changeOwned(id, owner, (row, now) => {
          const leaseUntil = now + leaseMs;
          return { ...row, leaseUntil, dueAt: Math.max(leaseUntil, row.nextAttemptAt) };
        }),
      ),
    postpone: ({ id, owner, delayMs, inDoubt }) =>
      claims.leave(
        id,
        changeOwned(id, owner, ({ owner: _owner, tab: _tab, ...row }, now) => ({
          ...row,
          ...waiting(Math.min(now + delayMs, row.giveUpAt), inDoubt),
          postponedMs: delayMs,
        })),
      ),
    end: ({ id, owner, outcome, retentionMs }) =>
      claims.leave(
        id,
        // Without a look at the state: the owner may have ended it before, and missed that this was acknowledged.
        change(id, (row, now) =>
          row.owner === owner ? { ...ended(row, outcome, now + retentionMs), owner } : undefined,
        ),
      ),
    settle: ({ id, outcome, retentionMs }) =>
      change(id, (row, now) => (row.state === "unknown" ? ended(row, outcome, now + retentionMs) : undefined)),
    reopen: (id) =>
      change(id, (row, now) =>
        row.state === "unknown" ? { ...factsOf(row), origin: row.origin, ...waiting(now, true) } : undefined,
      ),
  };
}

/** The calls that look at intents, and remove those that have ended. */
function looks({ read, write }: Steps): Pick<IntentStore, "inspect" | "list" | "forget" | "purge"> {
  return {
    inspect: (id) =>
      read(async ({ intents }) => {
        const row = await rowOf(intents, id);
        return row && readRow(row);
      }),
    async list({ state, after, limit }) {
      const most = checkListLimit({ limit });
      return read(async ({ intents, ranges }) => {
        const all = after === undefined ? undefined : ranges.lowerBound(after, true);
        const rows = await resultOf(
          state === undefined
            ? intents.getAll(all, most)
            : intents.index("state").getAll(ranges.bound([state, after ?? ""], [state, []], true), most),
        );
        return (rows as Row[]).map(readRow);
      });
    },
    forget: (id) =>
      write(async ({ intents }) => {
        const row = await rowOf(intents, id);
        if (row === undefined || row.state === "pending") return false;
        await resultOf(intents.delete(id));
        return true;
      }),
    purge: ({ limit }) =>
      write(async ({ intents, ranges, now }) => {
        const ids = await resultOf(intents.index("expiry").getAllKeys(ranges.upperBound(now), limit));
        for (const id of ids) await resultOf(intents.delete(id));
        return ids.length;
      }),
  };
}

/** How the store reads and writes. */
interface Steps {
  readonly read: <Value>(work: (step: Step) => Promise<Value>) => Promise<Value>;
  readonly write: <Value>(work: (step: Step) => Promise<Value>) => Promise<Value>;
}

/** How far a clock may be set back before it counts as another clock, milliseconds: browsers round what they say. */
const clockStepMs = 60_000;
/** How often the time is noted, milliseconds. */
const noteMs = 1000;

/**
 * The store's time never goes back, whatever the user does with the clock: the latest time that any tab saw is noted, and a
 * clock that was set back goes on from there. Else a lease or a delay would last as long as it was set back.
 */
function stepsOf(connection: IndexedDbConnection, clock: Clock): Steps {
  const ranges = (): IdbKeyRanges => (globalThis as BrowserGlobals).IDBKeyRange!;
  const noteTime = async ({ clock: notes }: OpenStores, isWriting: boolean): Promise<number> => {
    const note = (await resultOf(notes.get("time"))) as { seen: number; ahead: number } | undefined;
    const { seen, ahead } = note ?? { seen: 0, ahead: 0 };
    const wall = Math.floor(clock.now()) + ahead;
    const isSetBack = seen - wall > clockStepMs;
    const now = Math.max(seen, wall);
    if (isWriting && (isSetBack || now - seen >= noteMs)) {
      await resultOf(notes.put({ seen: now, ahead: isSetBack ? ahead + seen - wall : ahead }, "time"));
    }
    return now;
  };
  const run = <Value>(mode: "readonly" | "readwrite", work: (step: Step) => Promise<Value>): Promise<Value> =>
    connection.transact(mode, async (stores) => {
      const now = await noteTime(stores, mode === "readwrite");
      return work({ intents: stores.intents, ranges: ranges(), now });
    });
  return { read: (work) => run("readonly", work), write: (work) => run("readwrite", work) };
}

/** Claims what is due, and holds this tab's lock for as long as it has something claimed. */
function claimer({ read, write }: Steps, lock: TabLock, whenOffline: "hold" | "send") {
  const claimed = new Set<string>();
  let claiming = 0;
  const leaveLock = (): void => {
    if (claimed.size === 0 && claiming === 0) lock.release();
  };
  const isOffline = (): boolean => whenOffline === "hold" && (globalThis as BrowserGlobals).navigator?.onLine === false;

  const claim = async (request: ClaimIntentsRequest): Promise<ClaimedIntents> => {
    // Nothing is written, and no lock is asked for, as long as nothing is due: that is so of nearly all claims.
    const { soonest, tabs, now } = await read(async (step) => ({
      // -1: what this owner holds is due for it at any time.
      soonest: (await findHeld(step, request)).length > 0 ? -1 : soonestOf(await findHeads(step, request)),
      tabs: (await findKeys(step.intents.index("tab").openKeyCursor(), (tab) => [tab, []])) as string[],
      now: step.now,
    }));
    if (soonest === undefined) return { intents: [], nextMs: undefined };
    if (isOffline() && soonest >= 0) return { intents: [], nextMs: Math.max(offlinePauseMs, soonest - now) };
    const dead = await lock.findDead(tabs);
    if (soonest > now && dead.length === 0) return { intents: [], nextMs: soonest - now };
    claiming += 1;
    try {
      const tab = await lock.hold();
      const claim = await write((step) => claimDue(step, { ...request, tab, dead }));
      for (const { id } of claim.intents) claimed.add(id);
      return claim;
    } finally {
      claiming -= 1;
      leaveLock();
    }
  };
  return {
    claim,
    /** A renewed intent stays claimed, unless its owner lost it. */
    async keep(id: string, renewed: Promise<boolean>): Promise<boolean> {
      const isOurs = await renewed;
      if (!isOurs) claimed.delete(id);
      leaveLock();
      return isOurs;
    },
    /** A claimed intent is left, once that is stored. */
    async leave(id: string, left: Promise<boolean>): Promise<boolean> {
      const isLeft = await left;
      claimed.delete(id);
      leaveLock();
      return isLeft;
    },
  };
}

type Claims = ReturnType<typeof claimer>;

interface ClaimHere extends ClaimIntentsRequest {
  readonly tab: string | undefined;
  readonly dead: readonly string[];
}

async function claimDue(step: Step, request: ClaimHere): Promise<ClaimedIntents> {
  const { intents, now } = step;
  const { owner, leaseMs, limit, tab, dead } = request;
  for (const lost of dead) {
    for (const row of (await resultOf(intents.index("tab").getAll(lost))) as PendingRow[]) {
      const { tab: _tab, ...rest } = row;
      // Its owner stays on record: it did not say how its attempt ended.
      await resultOf(intents.put({ ...rest, leaseUntil: 0, dueAt: Math.min(now, row.dueAt ?? now) } satisfies Row));
    }
  }
  const held = await findHeld(step, request);
  const isNew = held.length === 0;
  const claimed: ClaimedIntent[] = [];
  for (const row of isNew ? await findDue(step, request) : held) {
    const leaseUntil = now + leaseMs;
    const taken: PendingRow = {
      ...row,
      inDoubt: row.inDoubt || (isNew && row.owner !== undefined),
      owner,
      leaseUntil,
      dueAt: Math.max(leaseUntil, row.nextAttemptAt),
      claims: row.claims + Number(isNew),
      ...(tab === undefined ? undefined : { tab }),
    };
    await resultOf(intents.put(taken));
    claimed.push({ ...(readRow(taken) as IntentFacts & PendingIntent), msLeft: row.giveUpAt - now });
  }
  if (claimed.length >= limit) return { intents: claimed, nextMs: 0 };
  const soonest = soonestOf(await findHeads(step, request));
  return { intents: claimed, nextMs: soonest === undefined ? undefined : Math.max(0, soonest - now) };
}

/** The pending intents that this owner has claimed before. */
async function findHeld({ intents, ranges }: Step, { owner }: ClaimIntentsRequest): Promise<PendingRow[]> {
  return (await resultOf(intents.index("owned").getAll(ranges.bound([owner], [owner, []])))) as PendingRow[];
}

/** The intents that are due, the longest due first. */
async function findDue(step: Step, request: ClaimIntentsRequest): Promise<PendingRow[]> {
  const { intents, ranges, now } = step;
  const { limit } = request;
  const due: PendingRow[] = [];
  for (const [origin] of await findHeads(step, request)) {
    const range = ranges.bound([origin], [origin, now]);
    // For IndexedDB, 0 means all.
    due.push(...((await resultOf(intents.index("due").getAll(range, limit || 1))) as PendingRow[]));
  }
  return due.sort((one, other) => one.dueAt! - other.dueAt!).slice(0, limit);
}

/** For each origin that is not left out, when its next pending intent is due: one step each, however much is pending. */
async function findHeads(
  { intents }: Step,
  { exceptOrigins = [] }: Pick<ClaimIntentsRequest, "exceptOrigins">,
): Promise<[origin: string, dueAt: number][]> {
  const keys = await findKeys(intents.index("due").openKeyCursor(), (key) => [(key as string[])[0], []]);
  return (keys as [string, number][]).filter(([origin]) => !exceptOrigins.includes(origin));
}

/** When the first of them is due. */
function soonestOf(heads: readonly (readonly [origin: string, dueAt: number])[]): number | undefined {
  return heads.length === 0 ? undefined : Math.min(...heads.map(([, dueAt]) => dueAt));
}

/** The first key of each group; `beyond` says where the next group begins at the earliest. */
function findKeys(request: IdbRequest<IdbCursor | null>, beyond: (key: unknown) => unknown): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const keys: unknown[] = [];
    request.addEventListener("error", () => reject(request.error));
    request.addEventListener("success", () => {
      const cursor = request.result;
      if (cursor === null) return resolve(keys);
      keys.push(cursor.key);
      cursor.continue(beyond(cursor.key));
    });
  });
}

function rowOf(intents: IdbObjectStore, id: string): Promise<Row | undefined> {
  return resultOf(intents.get(id)) as Promise<Row | undefined>;
}

/** The state of an intent that waits. */
function waiting(nextAttemptAt: number, inDoubt: boolean) {
  return { state: "pending", nextAttemptAt, leaseUntil: 0, inDoubt, dueAt: nextAttemptAt } as const;
}

/** An intent that ended; one that is unknown stays until it is forgotten. */
function ended(row: Row, outcome: IntentOutcome, expiresAt: number): Row {
  const expiry = outcome.state === "unknown" ? undefined : { expiresAt };
  const answer =
    "answer" in outcome ? { answer: { ...outcome.answer, body: ownBytes(outcome.answer.body) } } : undefined;
  return { ...factsOf(row), origin: row.origin, ...outcome, ...answer, ...expiry };
}

/** The intent without what only the store needs. */
function readRow({ origin: _origin, dueAt: _dueAt, owner: _owner, tab: _tab, expiresAt: _at, ...intent }: Row): Intent {
  return intent;
}

function factsOf(row: Row): IntentFacts {
  const { id, key, fingerprint, request, createdAt, giveUpAt, claims, postponedMs } = row;
  return { id, key, fingerprint, request, createdAt, giveUpAt, claims, postponedMs };
}

/** IndexedDB stores the whole memory that bytes are a view of. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}

/** The calls that the fallback of a refused store takes over. */
const methods = [
  ...(["add", "claim", "renew", "postpone", "end", "settle"] as const),
  ...(["reopen", "inspect", "list", "forget", "purge"] as const),
];

/** A store in the place of which another goes on, from the first call on that finds it refused. */
function withFallback(
  store: IntentStore,
  fallback: IntentStore,
  { isRefused, onFallback }: { readonly isRefused: () => boolean; readonly onFallback: () => void },
): IntentStore {
  let current = store;
  const call = async (method: (typeof methods)[number], request: never): Promise<unknown> => {
    const asked = current;
    try {
      return await asked[method](request);
    } catch (error) {
      if (asked === fallback || !isRefused()) throw error;
      if (current === store) onFallback();
      current = fallback;
      return fallback[method](request);
    }
  };
  return {
    ...(Object.fromEntries(
      methods.map((method) => [method, (request: never) => call(method, request)]),
    ) as unknown as IntentStore),
    durability: () => (current === store ? "disk" : (fallback.durability?.() ?? "disk")),
    async close() {
      await Promise.all([store.close(), fallback.close()]);
    },
  };
}
