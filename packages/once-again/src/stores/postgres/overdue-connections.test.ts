import { expect, test } from "vitest";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import type { PostgresConnection, PostgresPool } from "./client.ts";
import { overdueConnections } from "./overdue-connections.ts";
import type { PooledConnection } from "./connection.ts";

/** The only connection of a pool; its commit is never answered. @param answers what the server says. */
function overdue(
  answers: () => Promise<unknown[]>,
  { isWhole = new Promise<boolean>(() => undefined), cancel = async (): Promise<void> => undefined } = {},
) {
  const clock = fakeClock();
  const calls: string[] = [];
  const asking: string[] = [];
  const pooled = (connection: unknown, ends: string[]): PooledConnection<PostgresConnection> => ({
    connection: connection as PostgresConnection,
    give: () => ({ transaction: connection as PostgresConnection, takeBack: () => undefined }),
    release: () => void ends.push("given back"),
    destroy: () => void ends.push("closed"),
    hold: () => undefined,
    idle: async () => undefined,
    isOurs: () => true,
    cancelRequest: () => () => {
      ends.push("cancelled");
      return cancel();
    },
  });
  const pool = { reserve: () => undefined } as unknown as PostgresPool<PostgresConnection>;
  const asked = { query: async () => ({ rows: await answers() }) };
  const giveUp = overdueConnections(pool, async () => pooled(asked, asking), clock);
  giveUp({ pooled: pooled(undefined, calls), isWhole, mayCommit: true });
  return { clock, calls, asking };
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

test("one that has answered is given back, and closed where a cancel request may still be under way", async () => {
  for (const [cancel, end] of [
    [async () => undefined, "given back"],
    [() => Promise.reject(new Error("It was not confirmed.")), "closed"],
  ] as const) {
    const { promise: isWhole, resolve: answer } = Promise.withResolvers<boolean>();
    const { clock, calls } = overdue(async () => [{ waits: false }], { isWhole, cancel });
    await clock.advance(1);
    answer(true);
    await clock.advance(1000);
    expect(calls).toEqual(["cancelled", end]);
  }
});

test("a connection with a refused question goes back to its pool", async () => {
  const refused = Object.assign(new Error("canceling statement"), { severity: "ERROR", code: "57014" });
  const { clock, asking } = overdue(() => Promise.reject(refused));
  await clock.advance(1);
  expect(asking.at(-1)).toBe("given back");
});
