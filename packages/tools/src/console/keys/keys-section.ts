import { OnceAgainError } from "once-again";
import { type RecordName, settlementNote, type Store } from "once-again/stores";
import type { HeldKey } from "../../admin/key-document.ts";
import { keyJson, pageJson } from "../../admin/key-json.ts";
import { listKeys } from "../../admin/list.ts";
import { findResponseProblem, findSealKeyId, isHeader, isStatus, resolveWith } from "../../admin/resolve.ts";
import { settleKey, type Settlement, unsettledReasons } from "../../admin/settle.ts";
import { showKey } from "../../admin/show.ts";
import { refusal, type ConsoleResponse, type ConsoleRequest, type Route, type Section } from "../route.ts";
import type { OperatorAnswer, OperatorNote } from "./keys-protocol.ts";
import type { KeysSource } from "./keys-source.ts";
import { noStore, storeWatch } from "./store-watch.ts";

const pageSizeMax = 200;
const states = ["running", "done", "abandoned"] as const;

/** A key that was settled here. Of one that was released nothing else says who did it. */
export interface SettledKey extends RecordName, OperatorNote {
  readonly settledAs: Settlement["as"];
}

/**
 * The keys of a store, for people.
 *
 * @param onSettled is called with each key that was settled, for a log.
 */
export function keysSection(source: KeysSource, onSettled: (settled: SettledKey) => void = () => undefined): Section {
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
      "POST release": withStore((store, { body }) =>
        settle(store, body, onSettled, () => async () => ({ as: "not-executed" })),
      ),
      "POST resolve": withStore((store, { body }) => resolve(store, body, onSettled)),
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
  return settle(store, body, onSettled, (note) => resolveWith({ response: responseOf(answer), retentionMs, ...note }));
}

function responseOf({ status, contentType, body }: OperatorAnswer) {
  const headers = contentType === "" ? [] : [["content-type", contentType] as const];
  return { status, headers, body: new TextEncoder().encode(body) };
}

async function settle(
  store: Store,
  body: unknown,
  onSettled: (settled: SettledKey) => void,
  settlementWith: (note: OperatorNote) => (key: HeldKey) => Promise<Settlement>,
): Promise<ConsoleResponse> {
  if (!isHeldKey(body)) return refusal(400, "A held key is named by its scope, key and attempt.");
  const { scope, key } = body;
  const { author, reason } = body as HeldKey & OperatorNote;
  const problem = findNoteProblem({ author, reason });
  if (problem !== undefined) return refusal(400, problem);
  const settlement = await settlementWith({ author, reason })(body);
  const state = await settleKey(store, body, settlement);
  if (state !== undefined) return refusal(409, unsettledReasons[state]);
  onSettled({ scope, key, settledAs: settlement.as, author, reason });
  return { json: { settledAs: settlement.as } };
}

/** Why a note can't be stored, as a sentence. */
function findNoteProblem(note: OperatorNote): string | undefined {
  try {
    settlementNote(note);
    return undefined;
  } catch (error) {
    if (!OnceAgainError.isInstance(error)) throw error;
    return `Say who settles it, and why: ${error.message}`;
  }
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
