import { validateHeaderValue } from "node:http";
import { encodeAnswer } from "once-again/http";
import { sealKeyId } from "once-again/engine";
import type { InspectedRecord, ResolveRequest, Store } from "once-again/stores";
import type { GivenAnswer, SeenKey } from "./keys-protocol.ts";

/** Why a key was not settled, for people, by the state that it is in. */
export const unsettledReasons = {
  absent: "There is no such key in this scope: it was never used, or released, or is expired.",
  running: "A worker owns this key at present. It can be settled when its lease is over.",
  abandoned: "It was taken over and abandoned again meanwhile. Look again.",
  done: "It is settled: a result is kept.",
} as const satisfies Record<InspectedRecord["state"] | "absent", string>;

/**
 * Settles a held key, unless it is no longer as it was seen.
 *
 * @returns undefined when it is settled; otherwise what state it is in.
 */
export async function settleAsSeen(
  store: Store,
  { scope, key, attempt }: SeenKey,
  settlement: ResolveRequest["settlement"],
): Promise<keyof typeof unsettledReasons | undefined> {
  const before = await store.inspect({ scope, key });
  if (before?.state !== "abandoned" || before.record.attempt !== attempt) return before?.state ?? "absent";
  if (await store.resolve({ scope, key, settlement })) return undefined;
  return (await store.inspect({ scope, key }))?.state ?? "absent";
}

/** What is wrong with it, if anything is. */
export function answerProblem({ status, contentType, body, retentionMs }: GivenAnswer): string | undefined {
  if (!(retentionMs >= 1)) return "The time to keep the answer must be a number of milliseconds, 1 at least.";
  if (typeof contentType !== "string" || typeof body !== "string") return "The content type and the body must be text.";
  if (!Number.isInteger(status) || status < 200 || status > 599) return "The status must be a number from 200 to 599.";
  try {
    validateHeaderValue("content-type", contentType);
    return undefined;
  } catch {
    return "The content type has characters that a header can't have.";
  }
}

/** The answer as a store keeps it. */
export function keptAnswer({ status, contentType, body }: GivenAnswer): Uint8Array {
  return encodeAnswer({
    status,
    headers: contentType === "" ? [] : [["content-type", contentType]],
    body: new TextEncoder().encode(body),
  });
}

/**
 * The id of the key that results in this store are sealed with, as far as one of them tells; undefined when they are not.
 * A server that seals can't read an answer that is not sealed.
 */
export async function sealInUse(store: Store): Promise<string | undefined> {
  const [other] = await store.list({ state: "done", limit: 1 });
  return other?.record.result && sealKeyId(other.record.result);
}

/** Whether a page's request names a key in earnest. */
export function isSeenKey(body: unknown): body is SeenKey {
  const { scope, key, attempt } = (body ?? {}) as Partial<SeenKey>;
  return typeof scope === "string" && typeof key === "string" && Number.isInteger(attempt);
}
