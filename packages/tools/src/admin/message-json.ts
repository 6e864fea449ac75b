import type { ParkedMessage } from "once-again/outbox";
import type { OutboxBacklog, WholeParkedMessage } from "once-again/internal";
import type { ParkedPage } from "./parked-page.ts";

/** A parked message in a list, as JSON; times are ISO 8601, by the database's clock. */
export interface MessageSummary {
  readonly id: string;
  readonly topic: string;
  readonly orderingKey: string | null;
  readonly addedAt: string;
  readonly parkedAt: string;
  readonly refusals: number;
  /** The last answer of the broker. */
  readonly refusal: string;
  /** Whether the later messages of its ordering key wait for a decision. */
  readonly blocks: boolean;
  readonly bodyBytes: number;
}

/** A parked message whole. */
export interface MessageDocument extends MessageSummary {
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyBase64: string;
}

/** The backlog of an outbox, and a page of its parked messages. */
export interface OutboxDocument {
  readonly backlog: {
    /** Counted up to 10,000, as `parked` is. */
    readonly messages: number;
    readonly parked: number;
    /** For how long the oldest waits that is not parked, milliseconds; null when none does. */
    readonly oldestMs: number | null;
  };
  readonly parked: readonly MessageSummary[];
  /** The command that lists the next page; null on the last one. */
  readonly next: string | null;
}

export function outboxJson(backlog: OutboxBacklog, { messages, next }: ParkedPage): OutboxDocument {
  return { backlog: backlogJson(backlog), parked: messages.map(summaryJson), next };
}

export function backlogJson(backlog: OutboxBacklog): OutboxDocument["backlog"] {
  return { ...backlog, oldestMs: backlog.oldestMs ?? null };
}

export function messageJson(message: WholeParkedMessage): MessageDocument {
  const { headers, body } = message;
  return { ...summaryJson(message), headers, bodyBase64: Buffer.from(body).toString("base64") };
}

function summaryJson(message: ParkedMessage): MessageSummary {
  const { id, topic, orderingKey, addedAt, parkedAt, refusals, refusal, blocks, bodyBytes } = message;
  return {
    id,
    topic,
    orderingKey: orderingKey ?? null,
    addedAt: new Date(addedAt).toISOString(),
    parkedAt: new Date(parkedAt).toISOString(),
    refusals,
    refusal,
    blocks,
    bodyBytes,
  };
}
