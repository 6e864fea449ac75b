/** How a database differs from the others in what we ask of it. */
export interface IntentDialect {
  /** An expression for the time: whole milliseconds since the epoch, by the store's clock. */
  readonly now: string;
  /** The type of byte strings. */
  readonly bytes: string;
  /** The type of ids, which are ordered by their code points. */
  readonly id: string;
  /** What a SELECT ends with that passes over the rows that others are changing; empty where there is one writer. */
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
CREATE INDEX IF NOT EXISTS once_again_intents_expiry ON once_again_intents (expires_at);
`;
}

/** The statements of the port, one for each method; parameters are `$1`, `$2` and so on. */
export function intentStatements({ now, bytes, skipLocked, textsIn }: IntentDialect) {
  // As a subquery it is asked for once in a statement.
  const time = `(SELECT ${now})`;
  const owned = "id = $1 AND owner = $2 AND state = 'pending'";
  return {
    add: `
      WITH clock AS MATERIALIZED (SELECT ${now} AS ms)
      INSERT INTO once_again_intents
        (id, key, fingerprint, method, url, origin, headers, body, created_at, give_up_at, next_attempt_at)
      SELECT CAST($1 AS text), CAST($2 AS text), CAST($3 AS text), CAST($4 AS text), CAST($5 AS text),
        CAST($6 AS text), CAST($7 AS text), CAST($8 AS ${bytes}), ms, ms + CAST($9 AS bigint), ms
      FROM clock WHERE CAST($10 AS bigint) > (SELECT count(*) FROM
        (SELECT 1 FROM once_again_intents WHERE state IN ('pending', 'unknown') LIMIT CAST($10 AS bigint)) AS counted)
      ON CONFLICT (id) DO NOTHING RETURNING *`,
    // An owner that is still there did not say how its attempts ended.
    claim: `
      WITH due AS MATERIALIZED (
        SELECT id FROM once_again_intents
        WHERE state = 'pending' AND next_attempt_at <= ${time} AND lease_until <= ${time}
          AND origin NOT IN ${textsIn("$4")}
        ORDER BY next_attempt_at LIMIT CAST($3 AS bigint) ${skipLocked})
      UPDATE once_again_intents SET
        in_doubt = CASE WHEN owner IS NULL THEN in_doubt ELSE 1 END,
        owner = CAST($1 AS text), lease_until = ${time} + CAST($2 AS bigint), claims = claims + 1
      WHERE id IN (SELECT id FROM due)
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
