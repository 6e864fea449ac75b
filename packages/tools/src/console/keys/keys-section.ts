import type { ListRequest, RecordName, ResolveRequest, Store } from "once-again/stores";
import { refusal, type ConsoleAnswer, type ConsoleRequest, type Route, type Section } from "../route.ts";
import type { GivenAnswer } from "../../admin/keys-protocol.ts";
import type { KeysSource } from "./keys-source.ts";
import { keptReader } from "../../admin/stored-value.ts";
import { recordDocument, recordSummary } from "../../admin/record-json.ts";
import { recordView } from "../../admin/record-view.ts";
import { answerProblem, keptAnswer, isSeenKey, sealInUse, settleAsSeen, unsettledReasons } from "../../admin/settle.ts";
import { noStore, storeWatch } from "./store-watch.ts";

const pageSizeMax = 200;
const states = ["running", "done", "abandoned"] as const;

/** The keys of a store, for people. */
export function keysSection(source: KeysSource): Section {
  const watch = storeWatch(source);
  const onStore = (answer: (store: Store, request: ConsoleRequest) => Promise<ConsoleAnswer>): Route => {
    return (request) => {
      const store = source.store();
      return store === undefined ? refusal(503, noStore) : answer(store, request);
    };
  };
  return {
    name: "keys",
    routes: {
      "GET list": ({ query }) => list(source.store(), query),
      "GET show": onStore((store, { query }) => show(store, query)),
      "GET watch": ({ signal }) => ({ events: watch.watch(signal) }),
      "POST release": onStore((store, { body }) => settle(store, body, { as: "not-executed" })),
      "POST resolve": onStore(resolve),
    },
    close: async () => watch.close(),
  };
}

async function list(store: Store | undefined, query: URLSearchParams): Promise<ConsoleAnswer> {
  const limit = Number(query.get("limit") ?? 50);
  if (!Number.isInteger(limit) || limit < 1 || limit > pageSizeMax) {
    return refusal(400, `limit must be a whole number from 1 to ${pageSizeMax}.`);
  }
  const state = states.find((name) => name === query.get("state"));
  const scope = query.get("scope");
  const after = nameIn(query, "afterScope", "afterKey");
  const request: ListRequest = {
    limit,
    ...(state && { state }),
    ...(scope !== null && { scope }),
    ...(after && { after }),
  };
  const found = (await store?.list(request)) ?? [];
  const last = found.length < limit ? undefined : found.at(-1);
  return { json: { keys: found.map(recordSummary), next: last ? { scope: last.scope, key: last.key } : null } };
}

async function show(store: Store, query: URLSearchParams): Promise<ConsoleAnswer> {
  const name = nameIn(query, "scope", "key");
  if (name === undefined) return refusal(400, "A key is named by its scope and key.");
  const found = await store.inspect(name);
  if (found === undefined) return refusal(404, unsettledReasons.absent);
  return { json: recordDocument(await recordView(found, keptReader([]))) };
}

async function resolve(store: Store, { body }: ConsoleRequest): Promise<ConsoleAnswer> {
  const given = (body ?? {}) as GivenAnswer;
  const problem = answerProblem(given);
  if (problem !== undefined) return refusal(400, problem);
  const keyId = await sealInUse(store);
  if (keyId !== undefined) {
    return refusal(
      409,
      `Results in this store are sealed with the key "${keyId}": settle it with once-again keys resolve --seal-key.`,
    );
  }
  return settle(store, body, { as: "done", result: keptAnswer(given), retentionMs: given.retentionMs });
}

async function settle(store: Store, seen: unknown, settlement: ResolveRequest["settlement"]): Promise<ConsoleAnswer> {
  if (!isSeenKey(seen)) return refusal(400, "A held key is named by its scope, key and attempt.");
  const state = await settleAsSeen(store, seen, settlement);
  return state === undefined ? { json: { settledAs: settlement.as } } : refusal(409, unsettledReasons[state]);
}

function nameIn(query: URLSearchParams, scopeName: string, keyName: string): RecordName | undefined {
  const scope = query.get(scopeName);
  const key = query.get(keyName);
  return scope === null || key === null ? undefined : { scope, key };
}
