import type { CrashEngine, EngineName } from "../engine.ts";

/** The engines by their names, loaded one by one: a process that comes back shall not wait for all their drivers. */
const engines: Readonly<Record<EngineName, () => Promise<CrashEngine>>> = {
  postgres: async () => (await import("./postgres.ts")).postgresEngine,
  sqlite: async () => (await import("./sqlite.ts")).sqliteEngine,
  mariadb: async () => (await import("./mariadb.ts")).mariadbEngine,
  redis: async () => (await import("./redis.ts")).redisEngine,
  nats: async () => (await import("./nats.ts")).natsEngine,
  dynamodb: async () => (await import("./dynamodb.ts")).dynamodbEngine,
};

export const engineOf = (name: EngineName): Promise<CrashEngine> => engines[name]();
