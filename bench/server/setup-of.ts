import { setupNameOf, type StoreName } from "./catalog.ts";
import type { MakeSetup, Setup } from "./setup.ts";

/** Makes the setup of a row. Only the packages of its store are loaded. */
export async function setupOf(store: StoreName, name: string, url: string): Promise<Setup> {
  const setups: Readonly<Record<string, MakeSetup>> = await setupsOf(store);
  const make = setups[setupNameOf(name)];
  if (make === undefined) throw new Error(`There is no setup ${name} on ${store}.`);
  return make(url);
}

async function setupsOf(store: StoreName): Promise<Readonly<Record<string, MakeSetup>>> {
  switch (store) {
    case "memory":
      return (await import("./setups/memory.ts")).memorySetups;
    case "redis":
    case "valkey":
      return (await import("./setups/redis.ts")).redisSetups;
    case "sqlite":
      return (await import("./setups/sqlite.ts")).sqliteSetups;
    case "postgres":
      return (await import("./setups/postgres.ts")).postgresSetups;
    case "mariadb":
      return (await import("./setups/mariadb.ts")).mariadbSetups;
  }
}
