import type {
  ClaimedIntent,
  Intent,
  IntentAnswer,
  IntentFacts,
  IntentOutcome,
  PendingIntent,
} from "../intent-store.ts";

type Headers = IntentAnswer["headers"];

/** A row of the table of intents. Some drivers give large integers as text. */
export interface IntentRow {
  readonly id: string;
  readonly key: string;
  readonly fingerprint: string;
  readonly method: string;
  readonly url: string;
  readonly headers: string;
  readonly body: Uint8Array | null;
  readonly created_at: number | string;
  readonly give_up_at: number | string;
  readonly claims: number;
  readonly postponed_ms: number | string;
  readonly in_doubt: number;
  readonly next_attempt_at: number | string;
  readonly lease_until: number | string;
  readonly state: Intent["state"];
  readonly why: string | null;
  readonly answer_status: number | null;
  readonly answer_headers: string | null;
  readonly answer_body: Uint8Array | null;
  readonly answer_truncated: number | null;
  /** Only in the answer to a claim. */
  readonly ms_left?: number | string;
}

/** The intent that a row holds. */
export function intentOf(row: IntentRow): Intent {
  return {
    id: row.id,
    key: row.key,
    fingerprint: row.fingerprint,
    request: {
      method: row.method,
      url: row.url,
      headers: JSON.parse(row.headers) as Headers,
      body: row.body === null ? undefined : bytesOf(row.body),
    },
    createdAt: Number(row.created_at),
    giveUpAt: Number(row.give_up_at),
    claims: row.claims,
    postponedMs: Number(row.postponed_ms),
    ...standingOf(row),
  };
}

/** The intent that the row of a claim holds. */
export function claimedOf(row: IntentRow): ClaimedIntent {
  return { ...(intentOf(row) as IntentFacts & PendingIntent), msLeft: Number(row.ms_left) };
}

function standingOf(row: IntentRow): PendingIntent | IntentOutcome {
  const { state, why } = row;
  if (state === "pending") {
    return {
      state,
      nextAttemptAt: Number(row.next_attempt_at),
      leaseUntil: Number(row.lease_until),
      inDoubt: row.in_doubt === 1,
    };
  }
  const answer = row.answer_status === null ? undefined : { answer: answerOf(row, row.answer_status) };
  return { state, ...(why === null ? undefined : { why }), ...answer } as IntentOutcome;
}

function answerOf(row: IntentRow, status: number): IntentAnswer {
  return {
    status,
    headers: JSON.parse(row.answer_headers ?? "[]") as Headers,
    body: bytesOf(row.answer_body ?? new Uint8Array()),
    truncated: row.answer_truncated === 1,
  };
}

/** The columns of an outcome, in their order: state, why, answer_status, _headers, _body, _truncated. */
export function outcomeColumns(outcome: IntentOutcome) {
  const why = "why" in outcome ? outcome.why : null;
  if (!("answer" in outcome)) return [outcome.state, why, null, null, null, null] as const;
  const { status, headers, body, truncated } = outcome.answer;
  return [outcome.state, why, status, JSON.stringify(headers), body, Number(truncated)] as const;
}

/** Drivers of Node give a Buffer, which is a view of a larger memory and prints as itself. */
function bytesOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
