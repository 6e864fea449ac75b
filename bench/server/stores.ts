import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startMariadb } from "../../test/support/servers/mariadb.ts";
import { startPostgres } from "../../test/support/servers/postgres.ts";
import type { PrivateServer } from "../../test/support/servers/private-server.ts";
import { redisBinary, startRedis, valkeyBinary } from "../../test/support/servers/redis.ts";
import type { StoreName } from "./catalog.ts";

/** A store of the benchmark's own, gone when it is disposed of. */
export interface StoreGround extends AsyncDisposable {
  /** The URL of its server, or the path of its file. */
  readonly url: string;
  /** The process of its server; none where the store is in the process that is measured. */
  readonly pid?: number | undefined;
}

/** Starts the server of a store, or makes a folder for its file. */
export async function startStore(store: StoreName): Promise<StoreGround> {
  switch (store) {
    case "redis":
    case "valkey": {
      // As most run it: writes of the last second may be lost with the machine. But it never rewrites its file: that takes
      // as long as a round, and would count for the one that is measured just then.
      const settings = { appendfsync: "everysec", "auto-aof-rewrite-percentage": "0" };
      return grounded(await startRedis({ binary: store === "redis" ? redisBinary : valkeyBinary, settings }));
    }
    case "postgres":
      return grounded(await startPostgres());
    case "mariadb":
      return grounded(await startMariadb());
    case "memory":
    case "sqlite": {
      const folder = mkdtempSync(join(tmpdir(), "once-again-bench-"));
      return {
        url: join(folder, "keys.db"),
        [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
      };
    }
  }
}

function grounded(server: PrivateServer): StoreGround {
  return { url: server.url, pid: server.pid, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
