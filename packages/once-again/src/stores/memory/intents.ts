import type { Clock } from "../../core/clock.ts";
import { systemClock } from "../../core/system-clock.ts";
import type {
  AddIntentAnswer,
  AddIntentRequest,
  ClaimedIntent,
  ClaimedIntents,
  ClaimIntentsRequest,
  Intent,
  IntentFacts,
  IntentOutcome,
  IntentStore,
  PendingIntent,
} from "../intent-store.ts";
import { checkListLimit } from "../list-records.ts";

/** An intent, with what only the store needs. */
interface Entry {
  readonly intent: Intent;
  /** Who has claimed it, until that owner has said how its attempts ended. */
  readonly owner?: string | undefined;
  /** Of one that is done or failed. */
  readonly expiresAt?: number | undefined;
}

type PendingEntry = Entry & { readonly intent: IntentFacts & PendingIntent };

/**
 * Intents in the memory of one page or process, which are lost with it: for tests, and as the `fallback` of `indexeddbIntents`, where a browser
 * lets a site store nothing.
 *
 * Its one option is `clock`, where time comes from: default the machine's.
 *
 * @example
 * ```ts
 * const intents = openIntents({ store: memoryIntents(), keys: ["https://shop.example"] });
 * ```
 */
export function memoryIntents({ clock = systemClock }: { readonly clock?: Clock | undefined } = {}): IntentStore {
  const table: Table = { all: new Map(), now: () => Math.floor(clock.now()) };
  return {
    durability: () => "memory",
    add: async (request) => addIntent(table, request),
    claim: async (request) => claimIntents(table, request),
    ...ownersCalls(table),
    ...looks(table),
    close: async () => undefined,
  };
}

/** The intents by their ids, and the store's time. */
interface Table {
  readonly all: Map<string, Entry>;
  readonly now: () => number;
}

function addIntent(
  { all, now }: Table,
  { giveUpAfterMs, openMax, inDoubt = false, ...facts }: AddIntentRequest,
): AddIntentAnswer {
  const found = all.get(facts.id);
  if (found !== undefined) return { kind: "found", intent: found.intent };
  const open = [...all.values()].filter(({ intent: { state } }) => state === "pending" || state === "unknown");
  if (open.length >= openMax) return { kind: "full" };
  const times = { createdAt: now(), giveUpAt: now() + giveUpAfterMs, claims: 0, postponedMs: 0 };
  const intent: Intent = { ...facts, ...times, ...waiting(now(), inDoubt) };
  all.set(facts.id, { intent });
  return { kind: "added", intent };
}

function claimIntents(
  { all, now }: Table,
  { owner, leaseMs, limit, exceptOrigins = [] }: ClaimIntentsRequest,
): ClaimedIntents {
  const pending = (): PendingEntry[] => [...all.values()].filter(isPending);
  const isIncluded = ({ intent }: PendingEntry): boolean => !exceptOrigins.includes(new URL(intent.request.url).origin);
  const held = pending().filter(({ owner: by }) => by === owner);
  const isNew = held.length === 0;
  const due = pending()
    .filter((entry) => isIncluded(entry) && dueAt(entry) <= now())
    .sort((one, other) => dueAt(one) - dueAt(other));
  const intents = (isNew ? due.slice(0, limit) : held).map(({ intent, owner: before }): ClaimedIntent => {
    const inDoubt = intent.inDoubt || (isNew && before !== undefined);
    const taken = { ...intent, inDoubt, leaseUntil: now() + leaseMs, claims: intent.claims + Number(isNew) };
    all.set(intent.id, { intent: taken, owner });
    return { ...taken, msLeft: intent.giveUpAt - now() };
  });
  if (intents.length >= limit) return { intents, nextMs: 0 };
  const times = pending().filter(isIncluded).map(dueAt);
  return { intents, nextMs: times.length === 0 ? undefined : Math.max(0, Math.min(...times) - now()) };
}

/** The calls that change one intent: those of its owner, and what a person decides. */
function ownersCalls({ all, now }: Table): Pick<IntentStore, "renew" | "postpone" | "end" | "settle" | "reopen"> {
  const change = (id: string, next: (entry: Entry) => Entry | undefined): boolean => {
    const entry = all.get(id);
    const changed = entry && next(entry);
    if (changed !== undefined) all.set(id, changed);
    return changed !== undefined;
  };
  /** Changes a pending intent that this owner has. */
  const changeOwned = (id: string, owner: string, next: (intent: PendingEntry["intent"]) => Entry): boolean =>
    change(id, (entry) => (isPending(entry) && entry.owner === owner ? next(entry.intent) : undefined));
  const ended = (intent: Intent, outcome: IntentOutcome, retentionMs: number): Entry => ({
    intent: { ...factsOf(intent), ...outcome },
    expiresAt: outcome.state === "unknown" ? undefined : now() + retentionMs,
  });
  return {
    renew: async ({ id, owner, leaseMs }) =>
      changeOwned(id, owner, (intent) => ({ intent: { ...intent, leaseUntil: now() + leaseMs }, owner })),
    postpone: async ({ id, owner, delayMs, inDoubt }) =>
      changeOwned(id, owner, (intent) => ({
        intent: { ...intent, ...waiting(Math.min(now() + delayMs, intent.giveUpAt), inDoubt), postponedMs: delayMs },
      })),
    // Without a look at the state: the owner may have ended it before, and missed that this was acknowledged.
    end: async ({ id, owner, outcome, retentionMs }) =>
      change(id, ({ intent, owner: by }) =>
        by === owner ? { ...ended(intent, outcome, retentionMs), owner } : undefined,
      ),
    settle: async ({ id, outcome, retentionMs }) =>
      change(id, ({ intent }) => (intent.state === "unknown" ? ended(intent, outcome, retentionMs) : undefined)),
    reopen: async (id) =>
      change(id, ({ intent }) =>
        intent.state === "unknown" ? { intent: { ...factsOf(intent), ...waiting(now(), true) } } : undefined,
      ),
  };
}

/** The calls that look at intents, and remove those that have ended. */
function looks({ all, now }: Table): Pick<IntentStore, "inspect" | "list" | "forget" | "purge"> {
  return {
    inspect: async (id) => all.get(id)?.intent,
    async list({ state, after = "", limit }) {
      const most = checkListLimit({ limit });
      const isListed = (intent: Intent): boolean =>
        intent.id > after && (state === undefined || intent.state === state);
      return [...all.values()]
        .map(({ intent }) => intent)
        .filter(isListed)
        .sort((one, other) => (one.id < other.id ? -1 : 1))
        .slice(0, most);
    },
    forget: async (id) => all.get(id)?.intent.state !== "pending" && all.delete(id),
    async purge({ limit }) {
      const isOver = ({ expiresAt }: Entry): boolean => expiresAt !== undefined && expiresAt <= now();
      const over = [...all.values()].filter(isOver).slice(0, limit);
      for (const { intent } of over) all.delete(intent.id);
      return over.length;
    },
  };
}

function isPending(entry: Entry): entry is PendingEntry {
  return entry.intent.state === "pending";
}

function dueAt({ intent: { nextAttemptAt, leaseUntil } }: PendingEntry): number {
  return Math.max(nextAttemptAt, leaseUntil);
}

/** The state of an intent that waits. */
function waiting(nextAttemptAt: number, inDoubt: boolean): PendingIntent {
  return { state: "pending", nextAttemptAt, leaseUntil: 0, inDoubt };
}

function factsOf(intent: Intent): IntentFacts {
  const { id, key, fingerprint, request, createdAt, giveUpAt, claims, postponedMs } = intent;
  return { id, key, fingerprint, request, createdAt, giveUpAt, claims, postponedMs };
}
