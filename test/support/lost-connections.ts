import { expect } from "vitest";
import type { TransactionalStore } from "../../packages/once-again/src/stores/store.ts";
import { longClaim } from "./long-claim.ts";
import type { CutProxy } from "./servers/cut-proxy.ts";

const result = Uint8Array.of(1, 2, 3);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };

/** Writes one row of that name in a transaction. */
type Write<Connection> = (connection: Connection, name: string) => Promise<unknown>;

/**
 * Asks a store for everything once with the answer cut, and again: each time it finds out what it had done. It writes
 * `run 1`. The store has one connection, through the proxy.
 */
export async function loseEachAnswer<Connection>(
  store: TransactionalStore<Connection>,
  proxy: CutProxy,
  write: Write<Connection>,
): Promise<void> {
  const claim = longClaim("k");
  const lost = async (ask: () => Promise<unknown>): Promise<unknown> => {
    await store.inspect(claim);
    proxy.cutNextAnswer();
    await expect(ask()).rejects.toThrow();
    return ask();
  };
  expect(await lost(() => store.claim(claim))).toMatchObject({ kind: "acquired", attempt: 1 });
  expect(await lost(() => store.renew(claim))).toBe(true);
  expect(await lost(() => store.checkpoint({ ...claim, step: "s", result }))).toBe(true);
  expect(await lost(() => store.complete({ ...claim, result }))).toBe(true);

  let runs = 0;
  const answer = await store.transact(operation, async (connection) => {
    runs += 1;
    await write(connection, `run ${runs}`);
    proxy.cutNextAnswer();
    return { keep: "commit", result, value: runs };
  });
  expect(answer).toEqual({ kind: "executed", value: 1 });
}

/**
 * Loses the connection of a transaction, and then of a step, before it is committed: the transaction runs again by itself,
 * the step when it is asked for again. It writes `run 2` and `run 4`.
 */
export async function loseBeforeCommit<Connection>(
  store: TransactionalStore<Connection>,
  proxy: CutProxy,
  write: Write<Connection>,
): Promise<void> {
  let runs = 0;
  const cutEveryOther = async (connection: Connection): Promise<void> => {
    runs += 1;
    await write(connection, `run ${runs}`);
    if (runs % 2 === 0) return;
    proxy.cut();
    proxy.heal();
  };
  const answer = await store.transact(operation, async (connection) => {
    await cutEveryOther(connection);
    return { keep: "commit", result, value: runs };
  });
  expect(answer).toEqual({ kind: "executed", value: 2 });
  const claim = longClaim("k");
  await store.claim(claim);
  const step = () =>
    store.transactStep({ ...claim, step: "s" }, async (connection) => {
      await cutEveryOther(connection);
      return result;
    });
  // Its checkpoint is written before the commit is asked for, so it is known that nothing happened.
  await expect(step()).rejects.toThrow();
  expect(await step()).toEqual(result);
}
