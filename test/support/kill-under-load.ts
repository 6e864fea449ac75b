import { setTimeout } from "node:timers/promises";
import { expect, vi } from "vitest";
import type { TransactionalStore } from "../../packages/once-again/src/stores/store.ts";
import { longClaim } from "./long-claim.ts";
import { waitMsMax } from "./wait-ms-max.ts";

const operation = { scope: "acme", fingerprint: "f", retentionMs: 60_000 };
const commit = { keep: "commit", result: Uint8Array.of(1, 2, 3), value: "ran" } as const;
const never = (): never => expect.fail("ran again");

/** A store, and the effects that its transactions write in the same database. */
interface LoadedDatabase<Connection> {
  readonly store: TransactionalStore<Connection>;
  insert(connection: Connection, name: string): Promise<unknown>;
  names(): Promise<string[]>;
}

/**
 * Kills a server under load and starts it again: it must have lost nothing that it acknowledged, and grant nothing twice.
 */
export async function killUnderLoad<Connection>(
  server: { kill(): Promise<unknown>; restart(): Promise<unknown> },
  { store, insert, names }: LoadedDatabase<Connection>,
): Promise<void> {
  const granted: string[] = [];
  const executed: string[] = [];
  const stopping = new AbortController();
  const load = async (worker: number): Promise<void> => {
    for (let round = 0; !stopping.signal.aborted; round += 1) {
      const key = `${worker} ${round}`;
      await store.claim(longClaim(key)).then(
        ({ kind }) => kind === "acquired" && granted.push(key),
        () => setTimeout(5),
      );
      const transact = store.transact({ ...operation, key: `tx ${key}` }, async (connection) => {
        await insert(connection, key);
        return commit;
      });
      await transact.then(
        () => executed.push(key),
        () => setTimeout(5),
      );
    }
  };
  const workers = Array.from({ length: 8 }, (_, worker) => load(worker));
  const more = (): Promise<unknown> => {
    const [claims, commits] = [granted.length + 20, executed.length + 20];
    const isDone = (): boolean => granted.length >= claims && executed.length >= commits;
    return vi.waitUntil(isDone, { timeout: waitMsMax, interval: 10 });
  };
  try {
    await more();
    await server.kill();
    await server.restart();
    await more();
  } finally {
    stopping.abort();
    await Promise.all(workers);
  }
  for (const key of granted) expect((await store.claim(longClaim(key))).kind).toBe("in-progress");
  for (const key of executed) {
    expect((await store.transact({ ...operation, key: `tx ${key}` }, never)).kind).toBe("done");
  }
  const stored = await names();
  expect(new Set(stored).size).toBe(stored.length);
  expect(executed.filter((key) => !stored.includes(key))).toEqual([]);
}
