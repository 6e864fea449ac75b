import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client, Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { openRelay } from "../../packages/once-again/src/messaging/outbox/index.ts";
import { postgresOutbox } from "../../packages/once-again/src/stores/postgres/index.ts";
import { fakeClock } from "../../packages/testing/src/index.ts";
import { databases, pgPool } from "../postgres/databases.ts";
import { beginInPostgres } from "../support/outbox/transactions.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { startPgbouncer, pgbouncerBinary } from "../support/servers/pgbouncer.ts";
import { postgresBinary } from "../support/servers/postgres.ts";

interface Notification {
  readonly channel: string;
  /** The backend that has notified. */
  readonly processId: number;
}

/** Listens to channels on a connection. */
async function listen(url: string, ...channels: string[]) {
  const client = new Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  const notifications: Notification[] = [];
  const waiting: (() => void)[] = [];
  client.on("notification", ({ channel, processId }) => {
    notifications.push({ channel, processId });
    for (const resolve of waiting.splice(0)) resolve();
  });
  for (const channel of channels) await client.query(`LISTEN ${channel}`);
  return {
    notifications,
    /** Waits until so many have come. */
    async first(count: number) {
      while (notifications.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
      return notifications.slice(0, count);
    },
    /** Waits until all has come that was sent before. */
    flush: () => client.query("SELECT"),
  };
}

const channel = "once_again_outbox";
const message = { topic: "orders", body: "{}" };

describeWithServer("the grouped notifications of an outbox in PostgreSQL", postgresBinary, () => {
  const { server, create } = databases({ settings: { max_prepared_transactions: "10" } });

  async function outboxWith(options: Parameters<typeof postgresOutbox>[1] = {}) {
    const url = await create();
    const pool = pgPool(url, { max: 4 });
    const outbox = postgresOutbox(pool, options);
    await outbox.migrate();
    return { url, pool, outbox };
  }
  const backendOf = (client: unknown): number => (client as { processID: number }).processID;

  test("come after a commit, from another connection than it, and not before it", async () => {
    const { url, pool, outbox } = await outboxWith();
    const listener = await listen(url, channel);
    const { transaction } = await beginInPostgres(pool);
    await outbox.add(transaction, message);
    await setTimeout(50);
    await listener.flush();
    expect(listener.notifications).toEqual([]);
    await transaction.query("COMMIT");
    const [notification] = await listener.first(1);
    expect(notification?.processId).not.toBe(backendOf(transaction));
    transaction.release();
  });

  test.for(["yes", "true", 1, "commit"])("are chosen by one of three values, and %s is refused", (notify) => {
    expect(() => postgresOutbox(pgPool(server().url), { notify: notify as never })).toThrow(
      expect.objectContaining({ code: "ONCE_OPTION_INVALID", details: { option: "notify" } }),
    );
  });

  test("are part of the commit where `notify` is true", async () => {
    const { url, pool, outbox } = await outboxWith({ notify: true });
    const listener = await listen(url, channel);
    const { transaction, commit } = await beginInPostgres(pool);
    await outbox.add(transaction, message);
    await commit();
    expect(await listener.first(1)).toEqual([{ channel, processId: backendOf(transaction) }]);
  });

  test("are not sent where `notify` is false, and nothing listens", async () => {
    const { url, pool, outbox } = await outboxWith({ notify: false });
    expect(await outbox.listen!(() => expect.fail(), expect.fail as () => never)).toBeUndefined();
    const listener = await listen(url, channel);
    const { transaction, commit } = await beginInPostgres(pool);
    await outbox.add(transaction, message);
    await commit();
    await setTimeout(50);
    await listener.flush();
    expect(listener.notifications).toEqual([]);
  });

  test("are not sent for a transaction that is rolled back, and the process asks no more", async () => {
    const clock = fakeClock();
    const { url, pool, outbox } = await outboxWith({ clock });
    const listener = await listen(url, channel);
    const { transaction, rollback } = await beginInPostgres(pool);
    await outbox.add(transaction, message);
    await rollback();
    await clock.advance(1);
    while (clock.pending > 0) await setTimeout(1);
    await listener.flush();
    expect(listener.notifications).toEqual([]);
  });

  test("are one for all transactions that committed at a time", async () => {
    const clock = fakeClock();
    const { url, pool, outbox } = await outboxWith({ clock });
    const listener = await listen(url, channel);
    for (let index = 0; index < 10; index += 1) {
      const { transaction, commit } = await beginInPostgres(pool);
      await outbox.add(transaction, message);
      await commit();
    }
    await clock.advance(1);
    await listener.first(1);
    while (clock.pending > 0) await setTimeout(1);
    await listener.flush();
    expect(listener.notifications).toHaveLength(1);
  });

  test("come after COMMIT PREPARED: the transaction itself does not notify", async () => {
    const { url, pool, outbox } = await outboxWith();
    const listener = await listen(url, channel);
    const { transaction } = await beginInPostgres(pool);
    await outbox.add(transaction, message);
    await transaction.query("PREPARE TRANSACTION 'grouped'");
    await setTimeout(20);
    await listener.flush();
    expect(listener.notifications).toEqual([]);
    await transaction.query("COMMIT PREPARED 'grouped'");
    transaction.release();
    await listener.first(1);
  });

  test("are each outbox's own", async () => {
    const { url, pool, outbox } = await outboxWith();
    const other = postgresOutbox(pool, { tablePrefix: "other_" });
    await other.migrate();
    const listener = await listen(url, channel, "other_outbox");
    for (const [index, added] of [other, outbox, other].entries()) {
      const { transaction, commit } = await beginInPostgres(pool);
      await added.add(transaction, message);
      await commit();
      await listener.first(index + 1);
    }
    expect(listener.notifications.map((notification) => notification.channel)).toEqual([
      "other_outbox",
      channel,
      "other_outbox",
    ]);
  });

  test("of a process that dies before them cost a look, and no message", async () => {
    // With a clock that stands still the time of the notification never comes.
    const { url, pool, outbox } = await outboxWith({ clock: fakeClock() });
    const { promise: published, resolve } = Promise.withResolvers<string>();
    const relayed = postgresOutbox(pgPool(url));
    await using relay = openRelay({ outbox: relayed, publish: async ({ id }) => resolve(id), pollMs: 50 });
    await relay.idle();
    const { transaction, commit } = await beginInPostgres(pool);
    await outbox.add(transaction, { id: "1", ...message });
    await commit();
    expect(await published).toBe("1");
  });

  test.for([
    ["pg", "committed"],
    ["pg", "open"],
    ["postgres", "committed"],
    ["postgres", "open"],
  ])("let a process end that has ended its pool of %s (%s)", async (given) => {
    const { url } = await outboxWith();
    const program = fileURLToPath(new URL("./grouped-notify-child.ts", import.meta.url));
    const child = spawn(process.execPath, [program, url, ...given], { stdio: ["ignore", "ignore", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  test("wait for a connection of a pool that has one", async () => {
    const { url } = await outboxWith();
    const pool = pgPool(url, { max: 1 });
    const outbox = postgresOutbox(pool);
    const listener = await listen(url, channel);
    const { transaction, commit } = await beginInPostgres(pool);
    await outbox.add(transaction, message);
    await setTimeout(20);
    await commit();
    await listener.first(1);
  });

  describeWithServer("through PgBouncer", pgbouncerBinary, () => {
    test("come from a process that PgBouncer gives another connection each time", async () => {
      const { url } = await outboxWith();
      await using bouncer = await startPgbouncer(server().port, 4);
      const pooled = new URL(url);
      pooled.port = String(bouncer.port);
      const pool = new Pool({ connectionString: pooled.href, max: 4 });
      const outbox = postgresOutbox(pool);
      const listener = await listen(url, channel);
      const begun = await Promise.all(Array.from({ length: 3 }, () => beginInPostgres(pool)));
      for (const [index, { transaction, commit }] of begun.entries()) {
        await outbox.add(transaction, message);
        await commit();
        await listener.first(index + 1);
      }
      await pool.end();
    });
  });
});
