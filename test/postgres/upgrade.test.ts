import { expect, test } from "vitest";
import { postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import { longClaim } from "../support/long-claim.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import { databases, pgPool } from "./databases.ts";

/** The tables as 0.1.0 made them (version 2). Do not adapt them to the code. */
const tables = `
  CREATE TABLE once_again_schema (version integer NOT NULL);
  INSERT INTO once_again_schema VALUES (2);
  CREATE TABLE once_again_keys (
    scope text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'done')), fingerprint text NOT NULL, owner text NOT NULL,
    attempt integer NOT NULL, fence bigint NOT NULL, lease_until bigint NOT NULL, checkpoints jsonb NOT NULL,
    result bytea, created_at bigint NOT NULL, expires_at bigint NOT NULL,
    expires_minute bigint NOT NULL GENERATED ALWAYS AS (expires_at / 60000) STORED, PRIMARY KEY (scope, key));
  CREATE INDEX once_again_keys_expiry ON once_again_keys (expires_minute);
  CREATE TABLE once_again_marks (
    scope text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, position bigint NOT NULL, stored_at bigint,
    mover text NOT NULL, PRIMARY KEY (scope, key));`;

/** A row as 0.1.0 writes it, which may still serve when the tables are of this version. */
const row = (key: string, state: string, result: string, expiresAt: string): string => `
  INSERT INTO once_again_keys
    (scope, key, state, fingerprint, owner, attempt, fence, lease_until, checkpoints, result, created_at, expires_at)
  VALUES ('acme', '${key}', '${state}', 'f', 'o', 1, 1, 1, '{}', ${result}, 1, ${expiresAt});`;

describeWithServer("tables of PostgreSQL that 0.1.0 made", postgresBinary, () => {
  const { create } = databases();

  test("are brought up to date by any number of processes, and what ran in them no longer expires", async () => {
    const url = await create();
    const pool = pgPool(url);
    await pool.query(tables);
    await pool.query(row("ran", "running", "NULL", "2"));
    await pool.query(row("stored", "done", "'made'", "4000000000000"));
    await pool.query(row("over", "done", "'made'", "2"));
    await Promise.all(Array.from({ length: 8 }, () => postgresStore(pgPool(url)).migrate()));
    const store = postgresStore(pool);
    expect((await store.health()).problems).toEqual([]);
    expect(await store.purge({ limit: 10 })).toBe(1);
    expect(await store.claim(longClaim("ran"))).toMatchObject({ kind: "abandoned" });
    expect(await store.claim(longClaim("stored"))).toMatchObject({ kind: "done" });
    expect((await store.inspect(longClaim("ran")))?.record.expiresAt).toBe(Infinity);
    await pool.query(row("by the version before", "done", "'made'", "4000000000000"));
    const found = await store.inspect(longClaim("by the version before"));
    const none = { settledAt: undefined, settlementNote: undefined, details: undefined };
    expect(found).toMatchObject({ state: "done", record: none });
    // A version after this one has added to the tables: this one serves on, and is ready.
    await pool.query("UPDATE once_again_schema SET version = version + 1");
    expect((await store.health()).problems).toEqual([]);
  });
});
