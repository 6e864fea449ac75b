import { DatabaseSync } from "node:sqlite";
import type { ClaimedBatch, PostponeRequest } from "../../../../packages/once-again/src/stores/outbox-store.ts";
import {
  claimedBatches,
  type MessageRow,
  postponedText,
} from "../../../../packages/once-again/src/stores/sql/outbox.ts";
import { claimHalves } from "../../../../packages/once-again/src/stores/sqlite/outbox.ts";
import { outboxQueries, outboxSchema } from "../../../../packages/once-again/src/stores/sqlite/outbox-statements.ts";
import type { OutboxRow } from "./world.ts";

/** The rules of an outbox for its rows. */
export interface OutboxRules {
  /** @param cursor the highest position that was claimed before. */
  claim(
    rows: readonly OutboxRow[],
    owner: string,
    cursor: number,
  ): { rows: readonly OutboxRow[]; batches: readonly ClaimedBatch[] };
  confirm(rows: readonly OutboxRow[], positions: readonly string[]): readonly OutboxRow[];
  postpone(rows: readonly OutboxRow[], requests: readonly PostponeRequest[]): readonly OutboxRow[];
}

/** The time is 0: what is due is due since then, and what is not will be later. */
const [now, later] = [0, 1];
const leaseMs = later;

const insertStatement = `
  INSERT INTO once_again_outbox
    (position, id, topic, ordering_key, passed_key, headers, body, added_at, due_at, owner, refusals, refusal, parked_at)
  VALUES (?, ?, 'orders', ?, ?, '{}', x'', 0, ?, ?, ?, NULL, ?)`;

/** The statements of the outbox in SQLite, as they are, on a table in memory. What they answered once is remembered. */
export function sqliteRules(): OutboxRules {
  const database = new DatabaseSync(":memory:");
  database.exec(outboxSchema);
  const queries = outboxQueries(database);
  const { look, take } = claimHalves(queries, { now: () => now });
  const insert = database.prepare(insertStatement);
  const select = database.prepare("SELECT * FROM once_again_outbox ORDER BY position");

  /** The rows after a statement. */
  const after = <Answer>(
    rows: readonly OutboxRow[],
    ask: () => Answer,
  ): { rows: readonly OutboxRow[]; answer: Answer } => {
    database.exec("DELETE FROM once_again_outbox");
    for (const { position, message, key, passedKey, isDue, owner, refusals, isParked } of rows) {
      insert.run(
        position,
        String(message),
        key,
        passedKey,
        isDue ? now : later,
        owner,
        refusals,
        isParked ? now : null,
      );
    }
    const answer = ask();
    return {
      rows: (select.all() as unknown as (MessageRow & { due_at: number; owner: string | null })[]).map(rowOf),
      answer,
    };
  };
  return {
    claim: remembered((rows, owner) => {
      const claimed = after(rows, () => take(look(100, "", ""), { owner, leaseMs, messagesPerKey: 100 }));
      return { rows: claimed.rows, batches: claimedBatches(claimed.answer) };
    }),
    confirm: remembered((rows, positions) => after(rows, () => queries.run("confirm", JSON.stringify(positions))).rows),
    postpone: remembered(
      (rows, requests) => after(rows, () => queries.run("postpone", now, postponedText(requests))).rows,
    ),
  };
}

function rowOf(row: MessageRow & { due_at: number; owner: string | null }): OutboxRow {
  return {
    position: Number(row.position),
    message: Number(row.id),
    key: row.ordering_key,
    passedKey: row.passed_key,
    owner: row.owner,
    isDue: row.due_at <= now,
    refusals: row.refusals,
    isParked: row.parked_at !== null,
  };
}

function remembered<Asked, Answer>(
  answer: (rows: readonly OutboxRow[], asked: Asked) => Answer,
): (rows: readonly OutboxRow[], asked: Asked) => Answer {
  const known = new Map<string, Answer>();
  return (rows, asked) => {
    const id = JSON.stringify([rows, asked]);
    const before = known.get(id);
    if (before !== undefined) return before;
    const given = answer(rows, asked);
    known.set(id, given);
    return given;
  };
}
