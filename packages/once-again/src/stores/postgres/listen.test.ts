import { expect, test, vi } from "vitest";
import { fakeClock } from "../../../../testing/src/index.ts";
import { timeLimit } from "../time-limit.ts";
import { listenOn } from "./listen.ts";

type Pool = Parameters<typeof listenOn>[0];

const never = (): Promise<never> => new Promise(() => undefined);
const late = expect.objectContaining({ code: "ONCE_STORE_UNAVAILABLE" }) as Error;

/** Listens on a pool that waits at most a second for its server. */
function listening(pool: object) {
  const clock = fakeClock();
  const begun = listenOn(
    pool as Pool,
    "orders",
    () => undefined,
    () => undefined,
    timeLimit(clock, 1000),
  );
  /** How a call ends for which the server says nothing. */
  const endOf = async (call: Promise<unknown>): Promise<unknown> => {
    const ended = call.then(
      () => "done",
      (error: unknown) => error,
    );
    await clock.advance(1001);
    return ended;
  };
  return { begun, endOf };
}

test("a server that is silent holds up no end of a relay that listens with postgres", async () => {
  const { begun, endOf } = listening({ unsafe: never, listen: async () => ({ unlisten: never }) });
  const unlisten = (await begun)!;
  expect(await endOf(unlisten())).toEqual(late);
});

test("one that begins to listen too late is ended, with postgres and with pg", async () => {
  const { promise: listens, resolve: listen } = Promise.withResolvers<object>();
  const unlisten = vi.fn<() => Promise<void>>(() => Promise.reject(new Error("The connection ended.")));
  const sql = listening({ unsafe: never, listen: () => listens });
  expect(await sql.endOf(sql.begun)).toEqual(late);
  listen({ unlisten });
  await expect.poll(() => unlisten.mock.calls).toEqual([[]]);

  const { promise: lends, resolve: lend } = Promise.withResolvers<object>();
  const release = vi.fn<(destroy?: boolean) => void>();
  const pool = listening({ connect: () => lends });
  expect(await pool.endOf(pool.begun)).toEqual(late);
  lend({ release });
  await expect.poll(() => release.mock.calls).toEqual([[]]);
});

test("a connection of pg on which LISTEN is not answered is closed, and not given back", async () => {
  const release = vi.fn<(destroy?: boolean) => void>();
  const client = { query: never, on: () => undefined, removeAllListeners: () => undefined, release };
  const pool = listening({ connect: async () => client });
  expect(await pool.endOf(pool.begun)).toEqual(late);
  expect(release.mock.calls).toEqual([[true]]);
});
