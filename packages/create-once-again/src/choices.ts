import type { VersionedPackage } from "./versions.ts";

/** The npm scripts of a project that differ between frameworks. */
interface FrameworkChoice {
  readonly title: string;
  readonly dependencies: readonly VersionedPackage[];
  readonly devDependencies?: readonly VersionedPackage[];
  /** The command that must run before the server starts; missing where Node runs its source. */
  readonly build?: string;
  /** The command that starts the server. */
  readonly start: string;
  /** Whether it runs in a Worker of Cloudflare's: then its store has to be there, too. */
  readonly isWorker?: true;
  /** More options of TypeScript. */
  readonly compilerOptions?: Readonly<Record<string, unknown>>;
}

/** Workers are bundled, and run on this machine under Cloudflare's own runtime. */
const inWorker = {
  isWorker: true,
  devDependencies: ["esbuild", "miniflare"],
  start: "node dev.ts",
  compilerOptions: { module: "esnext", moduleResolution: "bundler" },
} as const;

/** The frameworks of a project's server. Their files are in `templates/frameworks/`. */
export const frameworks = {
  express: {
    title: "Express 5",
    dependencies: ["express"],
    devDependencies: ["@types/express"],
    start: "node server.ts",
  },
  fastify: { title: "Fastify 5", dependencies: ["fastify"], start: "node server.ts" },
  hono: { title: "Hono 4 on Node", dependencies: ["hono", "@hono/node-server"], start: "node server.ts" },
  koa: {
    title: "Koa 3",
    dependencies: ["koa", "@koa/bodyparser", "@koa/router"],
    devDependencies: ["@types/koa"],
    start: "node server.ts",
  },
  nest: {
    title: "Nest 12 on Express",
    dependencies: ["@nestjs/common", "@nestjs/core", "@nestjs/platform-express", "reflect-metadata", "rxjs"],
    devDependencies: ["@types/express"],
    build: "tsc -p tsconfig.json --noEmit false --outDir dist",
    start: "node dist/server.js",
    compilerOptions: { experimentalDecorators: true },
  },
  next: {
    title: "Next.js 16, a route handler",
    dependencies: ["next", "react", "react-dom"],
    devDependencies: ["@types/react"],
    build: "next build",
    start: "next start -H 127.0.0.1",
    compilerOptions: { module: "esnext", moduleResolution: "bundler", jsx: "react-jsx", incremental: true },
  },
  node: { title: "node:http, without a framework", dependencies: [], start: "node server.ts" },
  worker: { title: "a Cloudflare Worker, without a framework", ...inWorker, dependencies: [] },
  "worker-hono": { title: "Hono 4 in a Cloudflare Worker", ...inWorker, dependencies: ["hono"] },
} as const satisfies Readonly<Record<string, FrameworkChoice>>;

interface StoreChoice {
  readonly title: string;
  readonly dependencies: readonly VersionedPackage[];
  readonly devDependencies?: readonly VersionedPackage[];
  /** Whether key, effect and response can commit together there. */
  readonly isTransactional: boolean;
  /** Whether it is a binding of a Cloudflare Worker. */
  readonly isWorker?: true;
  /** The variable that says where the server is; missing where there is no server. */
  readonly variable?: string;
}

/** Where a project's keys are. Its files are in `templates/stores/`. */
export const stores = {
  memory: { title: "memory, for a first try: forgets its keys", dependencies: [], isTransactional: false },
  sqlite: { title: "SQLite, a file", dependencies: [], isTransactional: true },
  postgres: {
    title: "PostgreSQL",
    dependencies: ["pg"],
    devDependencies: ["@types/pg"],
    isTransactional: true,
    variable: "DATABASE_URL",
  },
  mariadb: { title: "MariaDB", dependencies: ["mysql2"], isTransactional: true, variable: "DATABASE_URL" },
  redis: { title: "Redis or Valkey", dependencies: ["ioredis"], isTransactional: false, variable: "REDIS_URL" },
  nats: {
    title: "NATS JetStream",
    dependencies: ["@nats-io/kv", "@nats-io/transport-node"],
    isTransactional: false,
    variable: "NATS_URL",
  },
  d1: { title: "Cloudflare D1", dependencies: [], isTransactional: true, isWorker: true },
  "durable-object": {
    title: "Cloudflare Durable Objects",
    dependencies: [],
    isTransactional: false,
    isWorker: true,
  },
} as const satisfies Readonly<Record<string, StoreChoice>>;

/** How a key and its effect go together. The effects are in `templates/effects/`. */
export const modes = {
  leased: { title: "leased: the effect is elsewhere, as at a payment provider" },
  transactional: { title: "transactional: the effect is a row in the same database" },
} as const;

export type FrameworkName = keyof typeof frameworks;
export type StoreName = keyof typeof stores;
export type ModeName = keyof typeof modes;

/** The choices that make a project. */
export interface Choices {
  readonly framework: FrameworkName;
  readonly store: StoreName;
  readonly mode: ModeName;
}

export const frameworkOf = (name: FrameworkName): FrameworkChoice => frameworks[name];
export const storeOf = (name: StoreName): StoreChoice => stores[name];

/** Whether a framework can run where a store is. */
export const fit = (framework: FrameworkName, store: StoreName): boolean =>
  frameworkOf(framework).isWorker === storeOf(store).isWorker;

/** The stores that a framework can have. */
export const storesFor = (framework: FrameworkName): StoreName[] =>
  keysOf(stores).filter((store) => fit(framework, store));

/** The modes that a store can work in. */
export function modesOf(store: StoreName): readonly ModeName[] {
  return stores[store].isTransactional ? ["transactional", "leased"] : ["leased"];
}

/** Every combination that can be made. */
export function combinations(): Choices[] {
  return keysOf(frameworks).flatMap((framework) =>
    storesFor(framework).flatMap((store) => modesOf(store).map((mode) => ({ framework, store, mode }))),
  );
}

/** The names of a set of choices. */
export function keysOf<Name extends string>(choices: Readonly<Record<Name, unknown>>): Name[] {
  return Object.keys(choices) as Name[];
}
