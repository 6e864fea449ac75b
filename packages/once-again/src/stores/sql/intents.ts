import type {
  AddIntentAnswer,
  AddIntentRequest,
  ClaimedIntent,
  Intent,
  IntentAnswer,
  IntentFacts,
  IntentOutcome,
  IntentStore,
  PendingIntent,
} from "../intent-store.ts";
import { checkListLimit } from "../list-records.ts";

/** Runs one statement, alone and atomically, and answers with its rows; a `write` is on disk when it resolves. */
export interface SqlConnection {
  read(statement: string, values: readonly SqlValue[]): Promise<readonly unknown[]>;
  write(statement: string, values: readonly SqlValue[]): Promise<readonly unknown[]>;
  close(): Promise<void>;
}

/** A parameter of a statement. */
export type SqlValue = string | number | Uint8Array | null;

/** The port of durable intents on any database that has the statements of `intent-statements.ts`. */
export function sqlIntents(connection: SqlConnection, dialect: IntentDialect): IntentStore {
  const statements = intentStatements(dialect);
  const read = async (statement: string, ...values: SqlValue[]): Promise<IntentRow[]> =>
    (await connection.read(statement, values)) as IntentRow[];
  const write = async (statement: string, ...values: SqlValue[]): Promise<IntentRow[]> =>
    (await connection.write(statement, values)) as IntentRow[];
  const changes = async (statement: string, ...values: SqlValue[]): Promise<boolean> =>
    (await write(statement, ...values)).length > 0;

  return {
    add: (request) => addIntent(connection, statements, request),
    async claim({ owner, leaseMs, limit, exceptOrigins = [] }) {
      const except = JSON.stringify(exceptOrigins);
      const rows = await write(statements.claim, owner, leaseMs, limit, except);
      const intents = rows.map(readClaimedIntent);
      if (rows.length >= limit) return { intents, nextMs: 0 };
      const [next] = (await connection.read(statements.next, [except])) as { next_ms: unknown }[];
      const nextMs = next?.next_ms ?? undefined;
      return { intents, nextMs: nextMs === undefined ? undefined : Math.max(0, Number(nextMs)) };
    },
    renew: ({ id, owner, leaseMs }) => changes(statements.renew, id, owner, leaseMs),
    postpone: ({ id, owner, delayMs, inDoubt }) => changes(statements.postpone, id, owner, delayMs, Number(inDoubt)),
    end: ({ id, owner, outcome, retentionMs }) =>
      changes(statements.end, id, owner, ...outcomeColumns(outcome), retentionMs),
    settle: ({ id, outcome, retentionMs }) => changes(statements.settle, id, ...outcomeColumns(outcome), retentionMs),
    reopen: (id) => changes(statements.reopen, id),
    async inspect(id) {
      const [row] = await read(statements.inspect, id);
      return row === undefined ? undefined : readIntent(row);
    },
    async list(request) {
      const limit = checkListLimit(request);
      return (await read(statements.list, request.state ?? null, request.after ?? null, limit)).map(readIntent);
    },
    forget: (id) => changes(statements.forget, id),
    purge: async ({ limit }) => (await write(statements.purge, limit)).length,
    close: () => connection.close(),
  };
}

/** Adds an intent, unless there is one of its id. Within a transaction, both statements run in it. */
export async function addIntent(
  { read, write }: Pick<SqlConnection, "read" | "write">,
  statements: Pick<IntentStatements, "add" | "inspect">,
  { id, key, fingerprint, request, giveUpAfterMs, openMax, inDoubt = false }: AddIntentRequest,
): Promise<AddIntentAnswer> {
  const { method, url, headers, body = null } = request;
  const { origin } = new URL(url);
  const facts = [id, key, fingerprint, method, url, origin, JSON.stringify(headers), body];
  const [added] = await write(statements.add, [...facts, giveUpAfterMs, openMax, Number(inDoubt)]);
  if (added !== undefined) return { kind: "added", intent: readIntent(added as IntentRow) };
  const [row] = await read(statements.inspect, [id]);
  return row === undefined ? { kind: "full" } : { kind: "found", intent: readIntent(row as IntentRow) };
}

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
export function readIntent(row: IntentRow): Intent {
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
    ...readStanding(row),
  };
}

/** The intent that the row of a claim holds. */
export function readClaimedIntent(row: IntentRow): ClaimedIntent {
  return { ...(readIntent(row) as IntentFacts & PendingIntent), msLeft: Number(row.ms_left) };
}

function readStanding(row: IntentRow): PendingIntent | IntentOutcome {
  const { state, why } = row;
  if (state === "pending") {
    return {
      state,
      nextAttemptAt: Number(row.next_attempt_at),
      leaseUntil: Number(row.lease_until),
      inDoubt: row.in_doubt === 1,
    };
  }
  const answer = row.answer_status === null ? undefined : { answer: readAnswer(row, row.answer_status) };
  return { state, ...(why === null ? undefined : { why }), ...answer } as IntentOutcome;
}

type Headers = IntentAnswer["headers"];

/** The column `answer_headers`: in its first form the headers alone, now with where the answer comes from. */
type StoredHead = Headers | (Pick<IntentAnswer, "url" | "redirected"> & { readonly headers: Headers });

function readAnswer(row: IntentRow, status: number): IntentAnswer {
  const head = JSON.parse(row.answer_headers ?? "[]") as StoredHead;
  return {
    status,
    ...("headers" in head ? head : { headers: head }),
    body: bytesOf(row.answer_body ?? new Uint8Array()),
    truncated: row.answer_truncated === 1,
  };
}

/** The columns of an outcome, in their order: state, why, answer_status, _headers, _body, _truncated. */
export function outcomeColumns(outcome: IntentOutcome) {
  const why = "why" in outcome ? outcome.why : null;
  if (!("answer" in outcome)) return [outcome.state, why, null, null, null, null] as const;
  const { status, headers, body, truncated, url, redirected } = outcome.answer;
  const head: StoredHead = url === undefined && redirected === undefined ? headers : { headers, url, redirected };
  return [outcome.state, why, status, JSON.stringify(head), body, Number(truncated)] as const;
}

/** Drivers of Node give a Buffer, which is a view of a larger memory and prints as itself. */
function bytesOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** How a database differs from the others in what we ask of it. */
export interface IntentDialect {
  /** An expression for the time: whole milliseconds since the epoch, by the store's clock. */
  readonly now: string;
  /** The type of byte strings. */
  readonly bytes: string;
  /** The type of ids, which are ordered by their code points. */
  readonly id: string;
  /** The end of a SELECT that locks its rows, and waits for others that are changing them; empty where there is one writer. */
  readonly lock: string;
  /** The same that skips the rows that others are changing; empty where there is one writer. */
  readonly skipLocked: string;
  /** A subquery of the texts in an array of JSON, which the expression `json` gives. */
  readonly textsIn: (json: string) => string;
}

/** The table. The states and reasons are those of `IntentOutcome`. */
export function intentSchema({ bytes, id }: IntentDialect): string {
  return `
CREATE TABLE IF NOT EXISTS once_again_intents (
  id               ${id} PRIMARY KEY,
  key              text    NOT NULL,
  fingerprint      text    NOT NULL,
  method           text    NOT NULL,
  url              text    NOT NULL,
  origin           text    NOT NULL,
  headers          text    NOT NULL,
  body             ${bytes},
  created_at       bigint  NOT NULL,
  give_up_at       bigint  NOT NULL,
  claims           integer NOT NULL DEFAULT 0,
  postponed_ms     bigint  NOT NULL DEFAULT 0,
  in_doubt         integer NOT NULL DEFAULT 0,
  next_attempt_at  bigint  NOT NULL,
  owner            text,
  lease_until      bigint  NOT NULL DEFAULT 0,
  state            text    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed', 'unknown')),
  why              text,
  answer_status    integer,
  answer_headers   text,
  answer_body      ${bytes},
  answer_truncated integer,
  expires_at       bigint
);
CREATE INDEX IF NOT EXISTS once_again_intents_due ON once_again_intents (state, next_attempt_at, lease_until, origin);
CREATE INDEX IF NOT EXISTS once_again_intents_owner ON once_again_intents (owner)
  WHERE state = 'pending' AND owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS once_again_intents_expiry ON once_again_intents (expires_at);
`;
}

/** The statements of the port, one for each method; parameters are `$1`, `$2` and so on. */
export function intentStatements({ now, bytes, lock, skipLocked, textsIn }: IntentDialect) {
  // As a subquery it is asked for once in a statement.
  const time = `(SELECT ${now})`;
  const owned = "id = $1 AND owner = $2 AND state = 'pending'";
  return {
    add: `
      WITH clock AS MATERIALIZED (SELECT ${now} AS ms)
      INSERT INTO once_again_intents
        (id, key, fingerprint, method, url, origin, headers, body, created_at, give_up_at, next_attempt_at, in_doubt)
      SELECT CAST($1 AS text), CAST($2 AS text), CAST($3 AS text), CAST($4 AS text), CAST($5 AS text),
        CAST($6 AS text), CAST($7 AS text), CAST($8 AS ${bytes}), ms, ms + CAST($9 AS bigint), ms, CAST($11 AS integer)
      FROM clock WHERE CAST($10 AS bigint) > (SELECT count(*) FROM
        (SELECT 1 FROM once_again_intents WHERE state IN ('pending', 'unknown') LIMIT CAST($10 AS bigint)) AS counted)
      ON CONFLICT (id) DO NOTHING RETURNING *`,
    // Another owner that is still there did not say how its attempts ended. What is already this owner's, an earlier call took,
    // and nothing was sent: that call's answer did not arrive.
    claim: `
      WITH held AS MATERIALIZED (
        SELECT id FROM once_again_intents WHERE state = 'pending' AND owner = CAST($1 AS text) ${lock}),
      due AS MATERIALIZED (
        SELECT id FROM once_again_intents
        WHERE state = 'pending' AND next_attempt_at <= ${time} AND lease_until <= ${time}
          AND origin NOT IN ${textsIn("$4")} AND NOT EXISTS (SELECT 1 FROM held)
        ORDER BY next_attempt_at LIMIT CAST($3 AS bigint) ${skipLocked})
      UPDATE once_again_intents SET
        in_doubt = CASE WHEN owner IS NULL OR owner = CAST($1 AS text) THEN in_doubt ELSE 1 END,
        claims = CASE WHEN owner = CAST($1 AS text) THEN claims ELSE claims + 1 END,
        owner = CAST($1 AS text), lease_until = ${time} + CAST($2 AS bigint)
      WHERE id IN (SELECT id FROM held UNION ALL SELECT id FROM due)
      RETURNING *, give_up_at - ${time} AS ms_left`,
    next: `
      SELECT min(CASE WHEN lease_until > next_attempt_at THEN lease_until ELSE next_attempt_at END) - ${time} AS next_ms
      FROM once_again_intents WHERE state = 'pending' AND origin NOT IN ${textsIn("$1")}`,
    renew: `
      UPDATE once_again_intents SET lease_until = ${time} + CAST($3 AS bigint) WHERE ${owned} RETURNING id`,
    postpone: `
      UPDATE once_again_intents SET owner = NULL, lease_until = 0, in_doubt = $4,
        postponed_ms = CAST($3 AS bigint), next_attempt_at = CASE
          WHEN ${time} + CAST($3 AS bigint) < give_up_at THEN ${time} + CAST($3 AS bigint) ELSE give_up_at END
      WHERE ${owned} RETURNING id`,
    // Without a look at the state: the owner may have ended it before, and missed that this was acknowledged.
    end: `
      UPDATE once_again_intents SET state = $3, why = $4, answer_status = $5, answer_headers = $6, answer_body = $7,
        answer_truncated = $8, lease_until = 0, expires_at = ${time} + CAST($9 AS bigint)
      WHERE id = $1 AND owner = $2 RETURNING id`,
    // The owner is gone from then on: its late acknowledgement of an end must not replace what a person found.
    settle: `
      UPDATE once_again_intents SET state = $2, why = $3, answer_status = $4, answer_headers = $5, answer_body = $6,
        answer_truncated = $7, owner = NULL, expires_at = ${time} + CAST($8 AS bigint)
      WHERE id = $1 AND state = 'unknown' RETURNING id`,
    reopen: `
      UPDATE once_again_intents SET state = 'pending', why = NULL, answer_status = NULL, answer_headers = NULL,
        answer_body = NULL, answer_truncated = NULL, owner = NULL, lease_until = 0, in_doubt = 1,
        next_attempt_at = ${time}, expires_at = NULL
      WHERE id = $1 AND state = 'unknown' RETURNING id`,
    inspect: "SELECT * FROM once_again_intents WHERE id = $1",
    list: `
      SELECT * FROM once_again_intents
      WHERE (CAST($1 AS text) IS NULL OR state = CAST($1 AS text))
        AND (CAST($2 AS text) IS NULL OR id > CAST($2 AS text))
      ORDER BY id LIMIT CAST($3 AS bigint)`,
    forget: "DELETE FROM once_again_intents WHERE id = $1 AND state <> 'pending' RETURNING id",
    purge: `
      DELETE FROM once_again_intents WHERE id IN (
        SELECT id FROM once_again_intents WHERE state IN ('done', 'failed') AND expires_at <= ${time}
        LIMIT CAST($1 AS bigint))
      RETURNING id`,
  };
}

/** The statements of the port. */
export type IntentStatements = ReturnType<typeof intentStatements>;
