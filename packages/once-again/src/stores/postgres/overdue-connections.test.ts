import { expect, test } from "vitest";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import type { PostgresConnection, PostgresPool } from "./client.ts";
import { overdueConnections } from "./overdue-connections.ts";
import type { PooledConnection } from "./connection.ts";

/** The only connection of a pool; its commit is never answered. @param answers what the server says. */
function overdue(answers: () => Promise<unknown[]>) {
  const clock = fakeClock();
  const calls: string[] = [];
  const pooled = (connection: unknown, ends: string[]): PooledConnection<PostgresConnection> => ({
    connection: connection as PostgresConnection,
    give: () => ({ transaction: connection as PostgresConnection, takeBack: () => undefined }),
    release: () => undefined,
    destroy: () => void ends.push("closed"),
    isClosable: true,
    idle: async () => undefined,
    cancelRequest: () => async () => void ends.push("cancelled"),
  });
  const pool = { reserve: () => undefined } as unknown as PostgresPool<PostgresConnection>;
  const asked = { query: async () => ({ rows: await answers() }) };
  const giveUp = overdueConnections(pool, async () => pooled(asked, []), clock);
  giveUp({ pooled: pooled(undefined, calls), isWhole: new Promise(() => undefined), mayCommit: true });
  return { clock, calls };
}

test("a commit of a server that can't be asked is closed after a while, and never cancelled", async () => {
  const { clock, calls } = overdue(() => Promise.reject(new Error("no route to the server")));
  await clock.advance(5000);
  expect(calls).toEqual([]);
  await clock.advance(10_000);
  expect(calls).toEqual(["closed"]);
});

test("a commit that waits for a standby is left alone, however long that takes", async () => {
  const { clock, calls } = overdue(async () => [{ waits: true }]);
  for (let second = 0; second < 600; second += 1) await clock.advance(1000);
  expect(calls).toEqual([]);
});

test("one that waits for anything else is cancelled, and then closed", async () => {
  const { clock, calls } = overdue(async () => [{ waits: false }]);
  await clock.advance(10_000);
  expect(calls).toEqual(["cancelled", "cancelled", "closed"]);
});
