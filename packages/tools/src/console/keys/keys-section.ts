import type { RecordName, Store } from "once-again/stores";
import type { HeldKey } from "../../admin/key-document.ts";
import { keyJson, pageJson } from "../../admin/key-json.ts";
import { listKeys } from "../../admin/list.ts";
import { findSealKeyId, isHeader, isStatus, resolveWith } from "../../admin/resolve.ts";
import { settleKey, type Settlement, unsettledReasons } from "../../admin/settle.ts";
import { showKey } from "../../admin/show.ts";
import { refusal, type ConsoleResponse, type ConsoleRequest, type Route, type Section } from "../route.ts";
import type { OperatorAnswer } from "./keys-protocol.ts";
import type { KeysSource } from "./keys-source.ts";
import { noStore, storeWatch } from "./store-watch.ts";

const pageSizeMax = 200;
const states = ["running", "done", "abandoned"] as const;

/** The keys of a store, for people. */
export function keysSection(source: KeysSource): Section {
  const watch = storeWatch(source);
  const withStore = (handle: (store: Store, request: ConsoleRequest) => Promise<ConsoleResponse>): Route => {
    return (request) => {
      const store = source.store();
      return store === undefined ? refusal(503, noStore) : handle(store, request);
    };
  };
  return {
    name: "keys",
    routes: {
      "GET list": ({ query }) => list(source.store(), query),
      "GET show": withStore((store, { query }) => show(store, query)),
      "GET watch": ({ signal }) => ({ events: watch.watch(signal) }),
      "POST release": withStore((store, { body }) => settle(store, body, async () => ({ as: "not-executed" }))),
      "POST resolve": withStore(resolve),
    },
    close: async () => watch.close(),
  };
}

async function list(store: Store | undefined, query: URLSearchParams): Promise<ConsoleResponse> {
  const limit = Number(query.get("limit") ?? 50);
  if (!Number.isInteger(limit) || limit < 1 || limit > pageSizeMax) {
    return refusal(400, `limit must be a whole number from 1 to ${pageSizeMax}.`);
  }
  const state = states.find((name) => name === query.get("state"));
  const scope = query.get("scope") ?? undefined;
  const after = readName(query, "afterScope", "afterKey");
  const page = store === undefined ? { records: [] } : await listKeys(store, { state, scope, after, limit });
  return { json: pageJson(page) };
}

async function show(store: Store, query: URLSearchParams): Promise<ConsoleResponse> {
  const name = readName(query, "scope", "key");
  if (name === undefined) return refusal(400, "A key is named by its scope and key.");
  const view = await showKey(store, name, []);
  return view === undefined ? refusal(404, unsettledReasons.absent) : { json: keyJson(view) };
}

async function resolve(store: Store, { body }: ConsoleRequest): Promise<ConsoleResponse> {
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
  const { status, contentType } = answer;
  const headers = contentType === "" ? [] : [["content-type", contentType] as const];
  const response = { status, headers, body: new TextEncoder().encode(answer.body) };
  return settle(store, body, resolveWith(response, answer.retentionMs));
}

async function settle(
  store: Store,
  body: unknown,
  settlementOf: (key: HeldKey) => Promise<Settlement>,
): Promise<ConsoleResponse> {
  if (!isHeldKey(body)) return refusal(400, "A held key is named by its scope, key and attempt.");
  const settlement = await settlementOf(body);
  const state = await settleKey(store, body, settlement);
  return state === undefined ? { json: { settledAs: settlement.as } } : refusal(409, unsettledReasons[state]);
}

function isHeldKey(body: unknown): body is HeldKey {
  const { scope, key, attempt } = (body ?? {}) as Partial<HeldKey>;
  return typeof scope === "string" && typeof key === "string" && Number.isInteger(attempt);
}

function findProblem({ status, contentType, body, retentionMs }: OperatorAnswer): string | undefined {
  if (!(retentionMs >= 1)) return "The time to store the answer must be a number of milliseconds, 1 at least.";
  if (typeof contentType !== "string" || typeof body !== "string") return "The content type and the body must be text.";
  if (!isStatus(status)) return "The status must be a whole number from 200 to 599.";
  if (!isHeader("content-type", contentType)) return "The content type has characters that a header can't have.";
  return undefined;
}

function readName(query: URLSearchParams, scopeName: string, keyName: string): RecordName | undefined {
  const scope = query.get(scopeName);
  const key = query.get(keyName);
  return scope === null || key === null ? undefined : { scope, key };
}
