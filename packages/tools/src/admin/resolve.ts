import { validateHeaderName, validateHeaderValue } from "node:http";
import { sealer, type SealKey, sealKeyId } from "once-again/engine";
import { encodeResponse, type HttpResponse } from "once-again/http";
import type { RecordName, Store } from "once-again/stores";
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

/**
 * The id of the key with which the results of this store are sealed; undefined when they
 * are not, as far as one of them tells. A server that seals its results can't read one that is not sealed.
 */
export async function findSealKeyId(store: Store): Promise<string | undefined> {
  const { records } = await listKeys(store, { state: "done", limit: 1 });
  const result = records[0]?.record.result;
  return result && sealKeyId(result);
}

/**
 * Settles keys as done with this answer.
 *
 * @param sealKeys when there are any, the first one seals the answer, for each key by itself.
 */
export function resolveWith(answer: HttpResponse, retentionMs: number, sealKeys: readonly SealKey[] = []) {
  const plain = encodeResponse(answer);
  const seals = sealKeys.length === 0 ? undefined : sealer(sealKeys);
  return async ({ scope, key }: RecordName): Promise<Settlement> => ({
    as: "done",
    result: seals === undefined ? plain : await seals.seal({ scope, key }, plain),
    retentionMs,
  });
}
