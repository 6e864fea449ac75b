export const frameworks = ["express", "fastify"] as const;
export type Framework = (typeof frameworks)[number];

/** Where the keys of a group of rows are. */
export type StoreName = "memory" | "redis" | "sqlite" | "postgres";

/** What is measured on one store, and what each is compared to. */
export interface Row {
  readonly name: string;
  readonly baseline: string;
  /** Default every framework. */
  readonly only?: Framework;
}

const against = (baseline: string, ...names: string[]): Row[] => names.map((name) => ({ name, baseline }));
const expressIdempotency: Row = { name: "express-idempotency", baseline: "none", only: "express" };

const rows: Readonly<Record<StoreName, readonly Row[]>> = {
  memory: [...against("none", "none", "hand-written", "once-again", "node-idempotency"), expressIdempotency],
  redis: [
    ...against("none", "none", "hand-written, redis", "hand-written, redis, no signals", "hand-written, ioredis"),
    ...against("none", "once-again, redis", "once-again, ioredis", "node-idempotency", "powertools"),
    expressIdempotency,
  ],
  sqlite: [
    ...against("none", "none", "hand-written", "once-again"),
    ...against("bare INSERT", "bare INSERT", "once-again, transactional"),
  ],
  postgres: [
    ...against("bare INSERT, pg", "bare INSERT, pg", "hand-written, pg", "once-again leased, pg"),
    ...against("bare INSERT, pg", "once-again transactional, pg"),
    ...against("bare INSERT, postgres", "bare INSERT, postgres", "once-again leased, postgres"),
    ...against("bare INSERT, postgres", "once-again transactional, postgres"),
  ],
};

export const storeNames = Object.keys(rows) as StoreName[];

/** The rows of one store under one framework. */
export function rowsOf(store: StoreName, framework: Framework): Row[] {
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
  "redis",
  "ioredis",
  "pg",
  "postgres",
  "@node-idempotency/core",
  "@node-idempotency/storage-adapter-memory",
  "@node-idempotency/storage-adapter-redis",
  "express-idempotency",
  "express-idempotency-redis-adapter",
  "@aws-lambda-powertools/idempotency",
] as const;
