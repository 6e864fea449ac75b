import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { type RetentionEngine, type RetentionGround, scope } from "./engine.ts";

const table = "once_again_keys";
const others = "state, fingerprint, owner, attempt, fence, lease_until, checkpoints, result, created_at";

export const sqliteEngine: RetentionEngine = { name: "sqlite", start };

async function start(): Promise<RetentionGround> {
  const folder = mkdtempSync(join(tmpdir(), "once-again-retention-"));
  const path = join(folder, "keys.db");
  const store = sqliteStore({ path });
  const database = new DatabaseSync(path);
  const copy = database.prepare(`
    WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series LIMIT ?)
    INSERT INTO ${table} (scope, key, ${others}, expires_at)
      SELECT scope, lower(hex(randomblob(16))), ${others}, coalesce(?, expires_at) FROM series CROSS JOIN ${table}
      WHERE scope = ? AND key = ?`);
  const keyFrom = database.prepare(`SELECT key FROM ${table} WHERE scope = ? AND key >= ? ORDER BY key LIMIT 1`);
  const size = database.prepare("SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size");
  return {
    store,
    // One transaction for all would need a journal as large as they are.
    async addCopies(key, count, kind) {
      const expiresAt = kind === "expired" ? 1 : null;
      for (let added = 0; added < count; added += 10_000)
        copy.run(Math.min(10_000, count - added), expiresAt, scope, key);
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    },
    keyFrom: async (from) => String(keyFrom.get(scope, from)?.["key"]),
    bytes: async () => Number(size.get()?.["bytes"]),
    async [Symbol.asyncDispose]() {
      database.close();
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}
