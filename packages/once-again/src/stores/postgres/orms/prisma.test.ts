import { PrismaPg } from "@prisma/adapter-pg";
import { setTimeout } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { type Prisma, PrismaClient } from "../../../../../../examples/orms/prisma/generated/client.ts";
import { databases, pgPool } from "../../../../../../test/postgres/databases.ts";
import { describeWithServer } from "../../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary } from "../../../../../../test/support/servers/postgres.ts";
import { fromPrisma, postgresOutbox, postgresStore, prismaTransactions } from "../index.ts";

const result = Uint8Array.of(0, 1, 255);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const commit = { keep: "commit", result, value: "ran" } as const;
const never = (): never => expect.fail("ran again");
const refused = expect.objectContaining({ code: "ONCE_HANDLER_FAILED" }) as Error;
const invalid = (text: string) =>
  expect.objectContaining({ code: "ONCE_OPTION_INVALID", message: expect.stringContaining(text) as string }) as Error;

describeWithServer("a transaction of Prisma", postgresBinary, () => {
  const { create } = databases();

  const opened = async (transactionOptions?: { timeout: number; maxWait: number }) => {
    const pool = pgPool(await create());
    await pool.query("CREATE TABLE charges (id serial PRIMARY KEY, amount integer NOT NULL)");
    const prisma = new PrismaClient({ adapter: new PrismaPg(pool), ...(transactionOptions && { transactionOptions }) });
    onTestFinished(() => prisma.$disconnect());
    const store = postgresStore(pool, { transactions: prismaTransactions(prisma) });
    await store.migrate();
    const amounts = async () => (await prisma.charge.findMany({ orderBy: { amount: "asc" } })).map((row) => row.amount);
    return { pool, prisma, store, amounts };
  };

  test("is Prisma's own TransactionClient, on the pool that Prisma and the store share", async () => {
    const { store, amounts } = await opened();
    const work = async (tx: Prisma.TransactionClient) => {
      await Promise.all([1, 2, 3].map((amount) => tx.charge.create({ data: { amount } })));
      expect(await tx.charge.count()).toBe(3);
      return commit;
    };
    expect(await store.transact(operation, work)).toEqual({ kind: "executed", value: "ran" });
    expect(await store.transact(operation, never)).toEqual({ kind: "done", result });
    expect(await amounts()).toEqual([1, 2, 3]);
  });

  test("is that of an extended client, with its extensions", async () => {
    const { pool, prisma, amounts } = await opened();
    const extended = prisma.$extends({
      query: { charge: { create: ({ args, query }) => query({ data: { ...args.data, amount: 7 } }) } },
      client: { hello: () => "hello" },
    });
    const store = postgresStore(pool, { transactions: prismaTransactions(extended) });
    await store.transact(operation, async (tx) => {
      expect(tx.hello()).toBe("hello");
      await tx.charge.create({ data: { amount: 1 } });
      return commit;
    });
    expect(await amounts()).toEqual([7]);
  });

  test("outlives the time-outs of the client: the route's own holds", async () => {
    const { store, amounts } = await opened({ timeout: 50, maxWait: 50 });
    const answer = await store.transact(operation, async (tx) => {
      await tx.charge.create({ data: { amount: 1 } });
      await setTimeout(200);
      return commit;
    });
    expect(answer.kind).toBe("executed");
    expect(await amounts()).toEqual([1]);
  });

  test("that Prisma has rolled back is no commit, and the handler is not run again", async () => {
    const { prisma, store, amounts } = await opened();
    let runs = 0;
    const run = store.transact(operation, async (tx) => {
      runs += 1;
      await tx.charge.create({ data: { amount: 1 } });
      await prisma.$disconnect();
      return commit;
    });
    await expect(run).rejects.toMatchObject({ code: "P2028" });
    expect(runs).toBe(1);
    expect(await amounts()).toEqual([]);
    expect((await store.transact(operation, async () => commit)).kind).toBe("executed");
  });

  test("refuses COMMIT before it is sent, and goes on", async () => {
    const { store, amounts } = await opened();
    await store.transact(operation, async (tx) => {
      await tx.charge.create({ data: { amount: 1 } });
      await expect(tx.$executeRawUnsafe("COMMIT")).rejects.toThrow(refused);
      await expect(tx.$executeRaw`ROLLBACK`).rejects.toThrow(refused);
      await tx.$executeRawUnsafe("BEGIN");
      await tx.$executeRaw`INSERT INTO charges (amount) VALUES (${2})`;
      await tx.$executeRawUnsafe("ROLLBACK");
      return commit;
    });
    expect(await amounts()).toEqual([1]);
  });

  test("takes with it what was not awaited: all of it, or none", async () => {
    const { store, amounts } = await opened();
    const sent: Promise<unknown>[] = [];
    const work = (keep: "commit" | "answer-only") => async (tx: Prisma.TransactionClient) => {
      for (let amount = 1; amount <= 20; amount += 1) {
        // Each is several statements, of which the later ones are sent when the work has ended.
        const update = tx.charge.upsert({ where: { id: amount }, create: { amount }, update: { amount: -amount } });
        sent.push(update.catch(() => undefined));
      }
      return { ...commit, keep };
    };
    await store.transact({ ...operation, key: "refused" }, work("answer-only"));
    await Promise.all(sent);
    expect(await amounts()).toEqual([]);
    await store.transact(operation, work("commit"));
    expect(await amounts()).toHaveLength(20);
  });

  test("that was not begun, or of the wrong kind, is refused with the thing to give", async () => {
    const { pool, prisma, store } = await opened();
    const loosely = { fromPrisma, postgresStore, prismaTransactions } as unknown as Record<
      string,
      (...given: unknown[]) => unknown
    >;
    expect(() => fromPrisma(prisma)).toThrow(invalid("the tx that prisma.$transaction(async (tx) => …) gives"));
    expect(() => loosely["fromPrisma"]!(pool)).toThrow(invalid("the tx that prisma.$transaction"));
    expect(() => loosely["prismaTransactions"]!(pool)).toThrow(invalid("prisma must be a PrismaClient"));
    expect(() => loosely["postgresStore"]!(pool, { transactions: prisma })).toThrow(
      invalid("prismaTransactions(prisma)"),
    );
    expect(() => loosely["postgresStore"]!(prisma)).toThrow(invalid("a PrismaClient"));
    const outbox = postgresOutbox(pool);
    await outbox.migrate();
    await store.transact(operation, async (tx) => {
      expect(() => loosely["prismaTransactions"]!(tx)).toThrow(invalid("the tx of a transaction"));
      await expect(outbox.add(tx as never, { topic: "t", body: "b" })).rejects.toThrow(
        invalid("fromPrisma(transaction)"),
      );
      await outbox.add(fromPrisma(tx), { topic: "t", body: "b" });
      return commit;
    });
  });
});
