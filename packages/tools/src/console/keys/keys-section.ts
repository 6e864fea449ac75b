import type { InspectedRecord, RecordName, Store } from "once-again/stores";
import type { HeldKey } from "../../admin/key-document.ts";
import { keyJson, pageJson } from "../../admin/key-json.ts";
import { storedState } from "../../admin/key-state.ts";
import { type KeySelection, listKeys, positionOf, type RecordPage } from "../../admin/list.ts";
import { findResponseProblem, findSealKeyId, isHeader, isStatus, resolveWith } from "../../admin/resolve.ts";
import { settleKeys, type Settlement, unsettledReasons } from "../../admin/settle.ts";
import { showKey } from "../../admin/show.ts";
import { refusal, type ConsoleResponse, type ConsoleRequest, type Route, type Section } from "../route.ts";
import { findNoteProblem, type OperatorNote } from "../operator-note.ts";
import type { KeysToSettle, OperatorAnswer, Searching, SettledKeys } from "./keys-protocol.ts";
import type { KeysSource } from "./keys-source.ts";
import { type LongSearches, longSearches } from "./long-searches.ts";
import { countMax, noStore, storeWatch, type StoreWatch } from "./store-watch.ts";

const pageSizeMax = 200;
const states = ["running", "done", "held"] as const;

/** A key that was settled here. */
export interface SettledKey extends RecordName, OperatorNote {
  readonly settledAs: Settlement["as"];
}

/**
 * The keys of a store, for people.
 *
 * @param onSettled is called with each key as soon as it is settled, for a log.
 */
export function keysSection(source: KeysSource, onSettled: (settled: SettledKey) => void = () => undefined): Section {
  const watch = storeWatch(source);
  const searches = longSearches();
  const withStore = (handle: (store: Store, request: ConsoleRequest) => Promise<ConsoleResponse>): Route => {
    return (request) => {
      const store = source.store();
      return store === undefined ? refusal(503, noStore) : handle(store, request);
    };
  };
  const settled = (key: SettledKey): void => {
    watch.forgetHeld([key]);
    onSettled(key);
  };
  return {
    name: "keys",
    routes: {
      "GET list": ({ query }) => list(source.store(), watch, searches, query),
      "GET show": withStore((store, { query }) => show(store, query, source)),
      "GET watch": ({ signal }) => ({ events: watch.watch(signal) }),
      "POST release": withStore((store, { body }) =>
        settle(store, body, settled, "not-executed", (note) => async () => ({ as: "not-executed", note })),
      ),
      "POST resolve": withStore((store, { body }) => resolve(store, body, settled)),
    },
    close: async () => watch.close(),
  };
}

async function list(
  store: Store | undefined,
  watch: StoreWatch,
  searches: LongSearches,
  query: URLSearchParams,
): Promise<ConsoleResponse> {
  const limit = Number(query.get("limit") ?? 50);
  if (!Number.isInteger(limit) || limit < 1 || limit > pageSizeMax) {
    return refusal(400, `limit must be a whole number from 1 to ${pageSizeMax}.`);
  }
  const state = storedState(states.find((name) => name === query.get("state")));
  const [scope, scopePrefix, key, label] = ["scope", "scopePrefix", "key", "label"].map(
    (name) => query.get(name) ?? undefined,
  );
  const order = state === "abandoned" ? "age" : "name";
  const place = readName(query, "afterScope", "afterKey");
  const leaseUntil = Number(query.get("afterLease") ?? Number.NaN);
  const after = place && { ...place, ...(order === "age" && { leaseUntil }) };
  if (order === "age" && after !== undefined && !Number.isFinite(leaseUntil)) {
    return refusal(400, "A page of held keys begins after a scope, a key and the end of its lease.");
  }
  if (store === undefined) return { json: pageJson({ records: [] }) };
  const isPlain = [scope, scopePrefix, key, label].every((one) => one === undefined) && state === "abandoned";
  const held = isPlain ? heldPage(watch.lastHeld(), after, limit) : undefined;
  const selection: KeySelection = { state, scope, scopePrefix, key, label, order, after, limit };
  const found = held ?? (await searches.ask(selection, () => listKeys(store, selection)));
  return found === undefined
    ? { status: 202, json: { searching: true } satisfies Searching }
    : { json: pageJson(found) };
}

/** A page of the held keys that were last found; undefined where the store is to be asked. */
function heldPage(
  held: readonly InspectedRecord[] | undefined,
  after: RecordName | undefined,
  limit: number,
): RecordPage | undefined {
  const start = after === undefined ? 0 : 1 + (held?.findIndex((one) => isSameName(one, after)) ?? -1);
  const records = held?.slice(start, start + limit);
  const isAll = (held?.length ?? countMax) < countMax;
  const isKnown = (after === undefined || start > 0) && (isAll || records?.length === limit);
  if (records === undefined || !isKnown) return undefined;
  const last = records.length < limit ? undefined : records.at(-1);
  return last === undefined ? { records } : { records, next: positionOf(last, "age") };
}

const isSameName = (one: RecordName, other: RecordName): boolean => one.scope === other.scope && one.key === other.key;

async function show(store: Store, query: URLSearchParams, { mask }: KeysSource): Promise<ConsoleResponse> {
  const name = readName(query, "scope", "key");
  if (name === undefined) return refusal(400, "A key is named by its scope and key.");
  const view = await showKey(store, name, { mask });
  return view === undefined ? refusal(404, unsettledReasons.absent) : { json: keyJson(view) };
}

async function resolve(
  store: Store,
  body: unknown,
  onSettled: (settled: SettledKey) => void,
): Promise<ConsoleResponse> {
  const answer = (body ?? {}) as OperatorAnswer;
  const problem = findProblem(answer);
  if (problem !== undefined) return refusal(400, problem);
  const keyId = await findSealKeyId(store);
  if (keyId !== undefined) {
    return refusal(
      409,
      `Results in this store are sealed with the key "${keyId}": settle it with once-again keys resolve --seal-key.`,
    );
  }
  const { retentionMs } = answer;
  return settle(store, body, onSettled, "done", (note) =>
    resolveWith({ response: responseOf(answer), retentionMs, ...note }),
  );
}

function responseOf({ status, contentType, body }: OperatorAnswer) {
  const headers = contentType === "" ? [] : [["content-type", contentType] as const];
  return { status, headers, body: new TextEncoder().encode(body) };
}

async function settle(
  store: Store,
  body: unknown,
  onSettled: (settled: SettledKey) => void,
  settledAs: Settlement["as"],
  settlementWith: (note: OperatorNote) => (key: HeldKey) => Promise<Settlement>,
): Promise<ConsoleResponse> {
  const { keys, author, reason } = (body ?? {}) as KeysToSettle & OperatorNote;
  const isList = Array.isArray(keys) && keys.length >= 1 && keys.length <= countMax && keys.every(isHeldKey);
  if (!isList) return refusal(400, `keys must be a list of 1 to ${countMax} keys, each with scope, key and attempt.`);
  const problem = findNoteProblem({ author, reason });
  if (problem !== undefined) return refusal(400, problem);
  const left = await settleKeys(store, keys, settlementWith({ author, reason }), ({ scope, key }) =>
    onSettled({ scope, key, settledAs, author, reason }),
  );
  const [first] = left;
  if (keys.length === 1 && first !== undefined) return refusal(409, unsettledReasons[first.state]);
  const answer: SettledKeys = {
    settled: keys.length - left.length,
    left: left.map(({ scope, key, state }) => ({ scope, key, problem: unsettledReasons[state] })),
  };
  return { json: answer };
}

function isHeldKey(body: unknown): body is HeldKey {
  const { scope, key, attempt } = (body ?? {}) as Partial<HeldKey>;
  return typeof scope === "string" && typeof key === "string" && Number.isInteger(attempt);
}

function findProblem(answer: OperatorAnswer): string | undefined {
  const { status, contentType, body, retentionMs, isEmpty } = answer;
  if (!(retentionMs >= 1)) return "The time to store the answer must be a number of milliseconds, 1 at least.";
  if (typeof contentType !== "string" || typeof body !== "string") return "The content type and the body must be text.";
  if (typeof isEmpty !== "boolean") return "isEmpty must be true or false.";
  if (!isStatus(status)) return "The status must be a whole number from 200 to 599.";
  if (!isHeader("content-type", contentType)) return "The content type has characters that a header can't have.";
  return findResponseProblem(responseOf(answer), isEmpty);
}

function readName(query: URLSearchParams, scopeName: string, keyName: string): RecordName | undefined {
  const scope = query.get(scopeName);
  const key = query.get(keyName);
  return scope === null || key === null ? undefined : { scope, key };
}
