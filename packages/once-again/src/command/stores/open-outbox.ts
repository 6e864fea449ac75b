import type { OutboxStore } from "../../messaging/outbox/index.ts";

/** An outbox as commands use it: they add nothing, and publish nothing. */
export interface OpenOutbox extends Pick<
  OutboxStore<never>,
  "listUnconfirmed" | "showUnconfirmed" | "listPlaces" | "retryParked" | "discardParked" | "listDiscarded" | "backlog"
> {
  /** Ends the connection, too. */
  close(): Promise<void>;
}

/** An outbox that has tables in a database. */
export interface MigratableOutbox extends OpenOutbox {
  readonly schemaSql: string;
  migrate(): Promise<void>;
}
