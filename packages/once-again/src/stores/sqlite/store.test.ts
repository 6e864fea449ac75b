import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, onTestFinished, test } from "vitest";
import { effectsDatabase } from "../../../../../test/support/effects-database.ts";
import { keepsOrder } from "../../../../../test/support/keeps-order.ts";
import { folderOfSuite } from "../../../../../test/support/temporary-folder.ts";
import { systemClock } from "../../core/system-clock.ts";
import { fakeClock, storeContract, transactionContract } from "../../../../testing/src/index.ts";
import type { RecordName } from "../store.ts";
import { sqliteStore } from "./store.ts";

describe("the SQLite store", () => {
  const folder = folderOfSuite();
  const open = (records: string, clock = systemClock) => sqliteStore({ path: join(folder(), `${records}.db`), clock });

  describe("on a clock of the test", () => {
    const clock = fakeClock(1_700_000_000_000);
    // Connections wait for one another in real time.
    const dated = { ...systemClock, now: () => clock.now() };
    const cases = storeContract({ clock, open: (records) => open(records, dated) });
    for (const { name, run } of cases) test(name, run);
  });

  describe("on the machine's clock", () => {
    const breakRecord = async (records: string, { key }: RecordName) => {
      const database = new DatabaseSync(join(folder(), `${records}.db`));
      database.prepare("UPDATE once_again_keys SET attempt = 0 WHERE key = ?").run(key);
      database.close();
    };
    for (const { name, run } of storeContract({ open: (records) => open(records), breakRecord })) test(name, run);
  });

  keepsOrder(() => {
    const store = open("in-order");
    onTestFinished(() => store.close());
    return store;
  });

  describe("in transactions", () => {
    for (const { name, run } of transactionContract({ open: effectsDatabase, parallel: false })) test(name, run);
  });
});
