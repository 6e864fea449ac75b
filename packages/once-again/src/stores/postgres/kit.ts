import type { StoreKit } from "../kit.ts";

export const postgresKit = {
  name: "postgres",
  title: "PostgreSQL",
  page: "guides/transactions.md#postgresql",
  drivers: [
    { title: "PostgreSQL by pg", package: "pg" },
    { title: "PostgreSQL by Postgres.js", package: "postgres" },
    { title: "PostgreSQL by Neon's pool", package: "@neondatabase/serverless" },
    { title: "Prisma", package: "@prisma/client", range: "^6.19.0 || ^7.0.0" },
    { title: "TypeORM", package: "typeorm", range: "^0.3.0 || ^1.0.0" },
    { title: "Sequelize", package: "sequelize" },
    { title: "MikroORM", package: "@mikro-orm/postgresql" },
  ],
  modes: ["leased", "transactional"],
  holds: ["outbox", "intents"],
  urls: {
    schemes: ["postgres", "postgresql"],
    form: "postgres:// (…?tablePrefix=shop_)",
    outboxForm: "postgres:// (…?tablePrefix=shop_)",
    otherNames: ["pg"],
    parameters: ["tablePrefix"],
    open: async () => {
      const { openPostgres, openPostgresOutbox } = await import("./open.ts");
      return { store: openPostgres, outbox: openPostgresOutbox };
    },
  },
  migrates: true,
  mistaken: [
    {
      methods: ["unsafe", "transaction"],
      advice:
        "the sql of neon(), which runs each statement for itself: take the Pool of @neondatabase/serverless, postgresStore(pool)",
    },
    {
      methods: ["$queryRawUnsafe"],
      advice:
        "a PrismaClient: give a Pool of pg, and `prisma` beside it, postgresStore(pool, { transactions: prismaTransactions(prisma) })",
    },
    { methods: ["unsafe"], butNot: ["transaction"], advice: "the sql of postgres: wrap it, postgresStore(sql)" },
    {
      methods: ["execProtocol"],
      advice:
        "a PGlite, which is one connection: take a Pool of pg on a server; in tests wrap it, postgresStore(pglitePool(pglite)) of @once-again/testing",
    },
    {
      methods: ["query"],
      butNot: ["execProtocol", "getConnection", "beginTransaction", "promise"],
      advice: "a client of pg: wrap its Pool, postgresStore(pool)",
    },
  ],
  create: { title: "PostgreSQL", packages: ["pg"], devPackages: ["@types/pg"], variable: "DATABASE_URL" },
  ownFiles: [
    "listen",
    "notify-after-commit",
    "once-within",
    "orms",
    "overdue-connections",
    "pool",
    "reserve-link",
    "standby-question",
  ],
} as const satisfies StoreKit;
