import { PrismaPg } from "@prisma/adapter-pg";
import { Pool } from "pg";
import { type Prisma, PrismaClient } from "../../../examples/orms/prisma/generated/client.ts";
import { prismaTransactions } from "../../../packages/once-again/src/stores/postgres/index.ts";
import { type ConnectOrm, hearNotices } from "./connect-orm.ts";

export const prisma: ConnectOrm<Prisma.TransactionClient> = async (url, options = {}) => {
  const { connectionsMax = 10, name } = options;
  const pool = new Pool({ connectionString: url, max: connectionsMax, application_name: name });
  hearNotices(pool, options);
  const client = new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: true }) });
  return {
    transactions: prismaTransactions(client),
    execute: async (transaction, statement) =>
      /^\s*select/i.test(statement)
        ? transaction.$queryRawUnsafe<unknown[]>(statement)
        : (await transaction.$executeRawUnsafe(statement), []),
    statement: (statement) => client.$executeRawUnsafe(statement),
    nested: (transaction, work) => transaction.$transaction(work),
    transact: (work) => client.$transaction(work),
    lend: () => pool.connect(),
    close: () => client.$disconnect(),
  };
};
