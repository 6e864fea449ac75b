import type { EngineName, MessagesEngine } from "../engine.ts";

/** The engines by their names, loaded one by one: a process that comes back shall not wait for all their drivers. */
const engines: Readonly<Record<EngineName, () => Promise<MessagesEngine>>> = {
  postgres: async () => (await import("./postgres.ts")).postgresEngine,
  mariadb: async () => (await import("./mariadb.ts")).mariadbEngine,
  sqlite: async () => (await import("./sqlite.ts")).sqliteEngine,
};

export const engineOf = (name: EngineName): Promise<MessagesEngine> => engines[name]();
