import { validateHeaderName, validateHeaderValue } from "node:http";
import { encodeResponse, type HttpResponse } from "once-again/http";
import { type RecordName, settlementNote, type Store } from "once-again/stores";
import { sealer, type SealKey, sealKeyId, type SettlementNote } from "once-again/internal";
import { listKeys } from "./list.ts";
import type { Settlement } from "./settle.ts";

/** Whether a status can be a final answer. */
export function isStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 200 && status <= 599;
}

/** Whether a header can be sent. */
export function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

/** Statuses of responses without a body (RFC 9110, section 15). */
const bodilessStatuses: readonly number[] = [204, 205, 304];

/**
 * The problem of a response that every repeat would get, as a sentence; `undefined` without one. It must have a body unless
 * its status has none or `isEmpty` says so, and its body must be what its content type says.
 */
export function findResponseProblem({ status, headers, body }: HttpResponse, isEmpty: boolean): string | undefined {
  const hasBody = body.length > 0;
  if (bodilessStatuses.includes(status)) return hasBody ? `A response with status ${status} has no body.` : undefined;
  if (isEmpty) return hasBody ? "It has a body, and can't be empty as well." : undefined;
  if (!hasBody) return "The response has no body: every repeat would get an empty one, which can't be taken back.";
  const valueOf = (wanted: string): string =>
    headers
      .find(([name]) => name.toLowerCase() === wanted)?.[1]
      .trim()
      .toLowerCase() ?? "";
  // A compressed body can't be read here.
  if (!["", "identity"].includes(valueOf("content-encoding"))) return undefined;
  return findBodyProblem(body, valueOf("content-type"));
}

/** Without a content type it must be JSON, as the result of a function is. */
function findBodyProblem(body: Uint8Array, contentType: string): string | undefined {
  const [type = "", ...parameters] = contentType.split(";").map((part) => part.trim());
  const charset =
    parameters
      .find((one) => one.startsWith("charset="))
      ?.slice(8)
      .replaceAll('"', "") ?? "utf-8";
  const isJson = /^(?:application|text)\/(?:[^;]+\+)?json$/.test(type);
  if (type === "" || isJson) {
    if (isJsonText(body)) return undefined;
    return type === ""
      ? "The body is no JSON, and nothing says what else it is: give its content-type."
      : `The body is no JSON, as its content type ${type} says it is.`;
  }
  const isReadable = !type.startsWith("text/") || charset !== "utf-8" || decodeText(body) !== undefined;
  return isReadable ? undefined : `The body is no text in UTF-8, as its content type ${type} says it is.`;
}

function isJsonText(body: Uint8Array): boolean {
  const text = decodeText(body);
  if (text === undefined) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * The id of the key with which the results of this store are sealed; undefined when they
 * are not, judged by one of them. A server that seals its results can't read one that is not sealed.
 */
export async function findSealKeyId(store: Store): Promise<string | undefined> {
  const { records } = await listKeys(store, { state: "done", limit: 1 });
  const found = records[0] && (await store.inspect(records[0]));
  return found?.record.result && sealKeyId(found.record.result);
}

/** How a person settles keys as done. */
export interface Resolution extends SettlementNote {
  /** The response to every repeat. */
  readonly response: HttpResponse;
  readonly retentionMs: number;
}

/**
 * Settles keys as done with a response.
 *
 * @param sealKeys when there are any, the first one seals response and note, for each key by itself.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` without an author or a reason.
 */
export function resolveWith({ response, retentionMs, author, reason }: Resolution, sealKeys: readonly SealKey[] = []) {
  const result = encodeResponse(response);
  const note = settlementNote({ author, reason });
  const seals = sealKeys.length === 0 ? undefined : sealer(sealKeys);
  return async ({ scope, key }: RecordName): Promise<Settlement> => ({
    as: "done",
    result: seals === undefined ? result : await seals.seal({ scope, key }, result),
    retentionMs,
    note: seals === undefined ? note : await seals.seal({ scope, key, fact: "note" }, note),
  });
}
