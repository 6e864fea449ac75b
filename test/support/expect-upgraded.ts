import { expect } from "vitest";
import type { TransactionalStore } from "../../packages/once-again/src/stores/store.ts";
import { longClaim } from "./long-claim.ts";

/** The parts of a store that the upgrade is checked by. */
type MigratedStore = Pick<TransactionalStore<never>, "claim" | "inspect" | "purge"> & {
  health(): Promise<{ problems: readonly string[] }>;
};

/** Runs a statement of the test in the database. */
type Run = (statement: string) => Promise<unknown>;

/** Writes a row as 0.1.0 writes it, which may still serve when the tables are of this version. */
const write = (run: Run, keyColumn: string, key: string, state: string, result: string, expiresAt: string) =>
  run(`INSERT INTO once_again_keys
      (scope, ${keyColumn}, state, fingerprint, owner, attempt, fence, lease_until, checkpoints, result, created_at, expires_at)
    VALUES ('acme', '${key}', '${state}', 'f', 'o', 1, 1, 1, '{}', ${result}, 1, ${expiresAt})`);

/**
 * Has `migrate` bring tables up to date that 0.1.0 made, with rows in them: what ran no longer expires, and 0.1.0 may go on
 * writing.
 */
export async function expectUpgraded(
  store: MigratedStore,
  run: Run,
  migrate: () => Promise<unknown>,
  keyColumn = "key",
): Promise<void> {
  const problems = async (): Promise<string[]> =>
    (await store.health()).problems.filter((problem) => problem.includes("migrate"));
  await write(run, keyColumn, "ran", "running", "NULL", "2");
  await write(run, keyColumn, "stored", "done", "'made'", "4000000000000");
  await write(run, keyColumn, "over", "done", "'made'", "2");
  await migrate();
  expect(await problems()).toEqual([]);
  expect(await store.purge({ limit: 10 })).toBe(1);
  expect(await store.claim(longClaim("ran"))).toMatchObject({ kind: "abandoned" });
  expect(await store.claim(longClaim("stored"))).toMatchObject({ kind: "done" });
  expect((await store.inspect(longClaim("ran")))?.record.expiresAt).toBe(Infinity);
  await write(run, keyColumn, "by the version before", "done", "'made'", "4000000000000");
  const none = { settledAt: undefined, settlementNote: undefined, details: undefined };
  expect(await store.inspect(longClaim("by the version before"))).toMatchObject({ state: "done", record: none });
  // A version after this one has added to the tables: this one serves on, and is ready.
  await run("UPDATE once_again_schema SET version = version + 1");
  expect(await problems()).toEqual([]);
}
