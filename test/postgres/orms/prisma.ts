import { PrismaPg } from "@prisma/adapter-pg";
import { onTestFinished } from "vitest";
import { type Prisma, PrismaClient } from "../../../examples/orms/prisma/generated/client.ts";
import { prismaTransactions } from "../../../packages/once-again/src/stores/postgres/index.ts";
import type { ConnectOrm } from "./connect-orm.ts";

export const prisma: ConnectOrm<Prisma.TransactionClient> = async (url, { connectionsMax = 10 } = {}) => {
  const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: connectionsMax }) });
  onTestFinished(() => client.$disconnect());
  return {
    transactions: prismaTransactions(client),
    execute: async (transaction, statement) =>
      /^\s*select/i.test(statement)
        ? transaction.$queryRawUnsafe<unknown[]>(statement)
        : (await transaction.$executeRawUnsafe(statement), []),
    nested: (transaction, work) => transaction.$transaction(work),
    transact: (work) => client.$transaction(work),
  };
};
