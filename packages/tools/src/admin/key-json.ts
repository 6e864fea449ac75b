import type { InspectedRecord } from "once-again/stores";
import { measureRecord } from "once-again/internal";
import { detailsJson, type DetailsView, heldReason, readStoredDetails } from "./details.ts";
import type { KeyDocument, KeyPage, KeySummary, ReleaseDocument, ValueDocument } from "./key-document.ts";
import { keyState } from "./key-state.ts";
import type { RecordPage } from "./list.ts";
import type { Release } from "./releases.ts";
import type { RecordView } from "./show.ts";
import type { StoredValue } from "./stored-value.ts";

export function pageJson({ records, next }: RecordPage): KeyPage {
  return { keys: records.map((found) => summaryJson(found, readStoredDetails(found.record))), next: next ?? null };
}

export function keyJson({ found, steps, result, note, details, releases }: RecordView): KeyDocument {
  return {
    ...summaryJson(found, details),
    steps: steps.map(([place, value]) => ({ place, ...valueJson(value) })),
    result: result === undefined ? null : valueJson(result),
    settled: found.record.settledAt === undefined ? null : { ...unsaid, ...note },
    releases: releases.map(releaseJson),
  };
}

export function releaseJson({ releasedAt, label, isKnown, ...said }: Release): ReleaseDocument {
  return { ...said, label: label ?? null, releasedAt: isoTime(releasedAt), isKnown };
}

/** The note of a settlement that has none. */
const unsaid = { author: null, reason: null, sealedWith: null };

function summaryJson(found: InspectedRecord, details: DetailsView): KeySummary {
  const { scope, key, record } = found;
  const { resultBytes, checkpoints } = measureRecord(found);
  return {
    scope,
    key,
    state: keyState(found),
    attempt: record.attempt,
    fence: record.fence,
    fingerprint: record.fingerprint,
    owner: record.owner,
    createdAt: isoTime(record.createdAt),
    leaseUntil: isoTime(record.leaseUntil),
    settledAt: record.settledAt === undefined ? null : isoTime(record.settledAt),
    expiresAt: record.expiresAt === Number.POSITIVE_INFINITY ? null : isoTime(record.expiresAt),
    details: detailsJson(details),
    aheadMs: found.aheadMs ?? null,
    heldReason: heldReason(found, details)?.sentence ?? null,
    stepCount: checkpoints,
    resultBytes: resultBytes ?? null,
  };
}

function valueJson(value: StoredValue): ValueDocument {
  switch (value.kind) {
    case "answer": {
      const { status, headers, body } = value.answer;
      return { kind: value.kind, status, headers, bodyBase64: base64(body) };
    }
    case "step":
      return { kind: value.kind, ...value.step };
    case "sealed":
      return value;
    case "broken":
      return { kind: value.kind, code: value.code, problem: value.problem };
    case "bytes":
      return { kind: value.kind, base64: base64(value.bytes) };
  }
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
