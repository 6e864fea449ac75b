export const frameworks = ["express", "fastify", "koa", "hono", "nest", "next", "web"] as const;
export type Framework = (typeof frameworks)[number];

/** Where the keys of a group of rows are. */
export type StoreName = "memory" | "redis" | "valkey" | "sqlite" | "postgres" | "mariadb";

/** The measured rows of one store, and their baselines. */
export interface Row {
  readonly name: string;
  readonly baseline: string;
  /** Default every framework. */
  readonly only?: Framework;
  /** Our row that does the same work: the two are compared. */
  readonly beside?: string;
}

/** The same as a baseline, in a second process: how the two differ says what the noise of a group is. */
const again = (baseline: string): Row => ({ name: `${baseline}${againSuffix}`, baseline });
const againSuffix = ", again";

export const isAgain = (name: string): boolean => name.endsWith(againSuffix);

/** The setup that a row is measured with. */
export const setupNameOf = (name: string): string => (isAgain(name) ? name.slice(0, -againSuffix.length) : name);

const against = (baseline: string, ...names: string[]): Row[] => names.map((name) => ({ name, baseline }));
const peers = (beside: string, baseline: string, ...names: string[]): Row[] =>
  names.map((name) => ({ name, baseline, beside }));

const inMemory = "once-again";
const inRedis = "once-again, redis";
const throughIoredis = "once-again, ioredis";
const inSqlite = "once-again";
const [barePg, barePostgres] = ["bare INSERT, pg", "bare INSERT, postgres"];
const transactionalPg = "once-again transactional, pg";
const transactionalSqlite = "once-again, transactional";
const transactionalMariadb = "once-again transactional";

const rows: Readonly<Record<StoreName, readonly Row[]>> = {
  memory: [
    ...against("none", "none", inMemory),
    again("none"),
    ...peers(inMemory, "none", "hand-written", "node-idempotency"),
    { name: "express-idempotency", baseline: "none", only: "express", beside: inMemory },
  ],
  redis: [
    ...against("none", "none", inRedis, throughIoredis),
    again("none"),
    ...peers(inRedis, "none", "hand-written, redis", "hand-written, redis, no signals"),
    ...peers(throughIoredis, "none", "hand-written, ioredis"),
    ...peers(inRedis, "none", "node-idempotency", "powertools"),
    { name: "express-idempotency", baseline: "none", only: "express", beside: inRedis },
  ],
  // A server that compares by itself (SET … IFEQ), where the Redis that is measured above needs a script to complete.
  valkey: [...against("none", "none", inRedis), again("none"), ...peers(inRedis, "none", "node-idempotency")],
  sqlite: [
    ...against("none", "none", inSqlite),
    again("none"),
    ...peers(inSqlite, "none", "hand-written"),
    ...against("bare INSERT", "bare INSERT", transactionalSqlite),
    ...peers(transactionalSqlite, "bare INSERT", "hand-written, transactional"),
  ],
  postgres: [
    ...against(barePg, barePg, "once-again leased, pg", transactionalPg),
    again(barePg),
    ...peers(transactionalPg, barePg, "hand-written, pg", "hand-written in 3 trips, pg"),
    ...against(barePostgres, barePostgres, "once-again leased, postgres", "once-again transactional, postgres"),
  ],
  mariadb: [
    ...against("bare INSERT", "bare INSERT", "once-again leased", transactionalMariadb),
    again("bare INSERT"),
    ...peers(transactionalMariadb, "bare INSERT", "hand-written, transactional"),
  ],
};

export const storeNames = Object.keys(rows) as StoreName[];

/** Frameworks that are measured on every store; what the others cost does not depend on it. */
const onEveryStore: ReadonlySet<Framework> = new Set(["express", "fastify"]);

/** The rows of one store under one framework. */
export function rowsOf(store: StoreName, framework: Framework): Row[] {
  if (store !== "memory" && !onEveryStore.has(framework)) return [];
  return rows[store].filter(({ only = framework }) => only === framework);
}

export function isStoreName(text: string | undefined): text is StoreName {
  return storeNames.some((name) => name === text);
}

export function isFramework(text: string | undefined): text is Framework {
  return frameworks.some((name) => name === text);
}

/** The packages that are measured, or measured on. */
export const packages = [
  "express",
  "fastify",
  "koa",
  "hono",
  "@hono/node-server",
  "@nestjs/core",
  "next",
  "redis",
  "ioredis",
  "pg",
  "postgres",
  "mysql2",
  "@node-idempotency/core",
  "@node-idempotency/storage-adapter-memory",
  "@node-idempotency/storage-adapter-redis",
  "express-idempotency",
  "express-idempotency-redis-adapter",
  "@aws-lambda-powertools/idempotency",
] as const;
