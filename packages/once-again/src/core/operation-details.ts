/**
 * Facts about an operation, for the person who has to settle its key: what it was, where it ran, and how it ended. They are
 * stored with its record, sealed where the store is sealed, and gone with it.
 */
export interface OperationDetails {
  /** The request in words, such as "order 4711, 25.00 EUR". */
  readonly label?: string | undefined;
  /** The method and the path, such as "POST /orders". */
  readonly route?: string | undefined;
  /** The host and the process of its last attempt, such as "shop-2/4711". */
  readonly worker?: string | undefined;
  /** The trace of its last attempt, 32 hexadecimal digits. */
  readonly traceId?: string | undefined;
  /** How its last attempt ended; missing where it did not say: its process ended, or lost touch with the store. */
  readonly reason?: HeldReason | undefined;
}

/**
 * How an attempt ended without a result: its handler threw (`threw`), responded with 500 or above (`failed`), took longer than
 * it may (`time-out`), or said itself that it can't know (`held`, see `heldError`).
 */
export type HeldReason = "threw" | "failed" | "time-out" | "held";

const reasons: ReadonlySet<unknown> = new Set<HeldReason>(["threw", "failed", "time-out", "held"]);

/** How long each text may be, characters. A longer one is cut. */
export const detailsLengthMax = { label: 200, route: 200, worker: 100, traceId: 32 } as const;

const texts = ["label", "route", "worker", "traceId"] as const;

/**
 * Makes the details that `claim` stores with a record: at most 4 KiB.
 *
 * @example
 * ```ts
 * const owner = crypto.randomUUID();
 * const details = encodeDetails({ label: "order 4711, 25.00 EUR", route: "POST /orders" });
 * await store.claim({ scope, key, fingerprint: "f", owner, leaseMs: 30_000, retentionMs: 86_400_000, details });
 * ```
 */
export function encodeDetails({ label, route, worker, traceId, reason }: OperationDetails): Uint8Array {
  // A property that is undefined is left out.
  const stored = {
    label: cut(label, detailsLengthMax.label),
    route: cut(route, detailsLengthMax.route),
    worker: cut(worker, detailsLengthMax.worker),
    traceId: cut(traceId, detailsLengthMax.traceId),
    reason,
  };
  return encoder.encode(JSON.stringify(stored));
}

const encoder = new TextEncoder();

/** @param lengthMax characters (UTF-16 code units). A pair of them is not cut in two. */
function cut(text: string | undefined, lengthMax: number): string | undefined {
  if (text === undefined || text.length <= lengthMax) return text;
  return `${text.slice(0, lengthMax - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

/** The content of stored details; `undefined` for bytes that are none, as of sealed ones. Parts that are no text are left out. */
export function readDetails(bytes: Uint8Array): OperationDetails | undefined {
  try {
    const stored = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown> | null;
    if (typeof stored !== "object" || stored === null) return undefined;
    const found = texts.filter((name) => typeof stored[name] === "string").map((name) => [name, stored[name]]);
    const { reason } = stored;
    return { ...Object.fromEntries(found), ...(reasons.has(reason) && { reason: reason as HeldReason }) };
  } catch {
    return undefined;
  }
}
