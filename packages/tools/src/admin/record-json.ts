import type { InspectedRecord } from "once-again/stores";
import type { Kept } from "./stored-value.ts";
import type { RecordView } from "./record-view.ts";

/** A record for programs, without what it keeps: times are ISO 8601, by the store's clock. */
export function recordSummary({ scope, key, state, record }: InspectedRecord) {
  return {
    scope,
    key,
    state,
    attempt: record.attempt,
    fence: record.fence,
    fingerprint: record.fingerprint,
    owner: record.owner,
    createdAt: isoTime(record.createdAt),
    leaseUntil: isoTime(record.leaseUntil),
    expiresAt: isoTime(record.expiresAt),
    stepCount: Object.keys(record.checkpoints).length,
    resultBytes: record.result?.length ?? null,
  };
}

/** The same, whole. */
export function recordDocument({ found, steps, result }: RecordView) {
  return {
    ...recordSummary(found),
    steps: steps.map(([place, kept]) => ({ place, ...keptJson(kept) })),
    result: result === undefined ? null : keptJson(result),
  };
}

function keptJson(kept: Kept): object {
  switch (kept.kind) {
    case "answer": {
      const { status, headers, body } = kept.answer;
      return { kind: kept.kind, status, headers, bodyBase64: base64(body) };
    }
    case "step":
      return { kind: kept.kind, ...kept.step };
    case "sealed":
      return kept;
    case "bytes":
      return { kind: kept.kind, base64: base64(kept.bytes) };
  }
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
