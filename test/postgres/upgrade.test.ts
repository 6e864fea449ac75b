import { expect, test } from "vitest";
import { postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import { expectUpgraded } from "../support/expect-upgraded.ts";
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

describeWithServer("tables of PostgreSQL that 0.1.0 made", postgresBinary, () => {
  const { create } = databases();

  test("are brought up to date by any number of processes, and what ran in them no longer expires", async () => {
    const url = await create();
    const pool = pgPool(url);
    await pool.query(tables);
    const store = postgresStore(pool);
    await expectUpgraded(
      store,
      (statement) => pool.query(statement),
      () => Promise.all(Array.from({ length: 8 }, () => postgresStore(pgPool(url)).migrate())),
    );
    expect((await store.health()).problems).toEqual([]);
  });
});
