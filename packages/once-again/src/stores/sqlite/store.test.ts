import { join } from "node:path";
import { describe, onTestFinished } from "vitest";
import { keepsOrder } from "../../../../../test/support/keeps-order.ts";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import { sqliteStore } from "./store.ts";

describe("the SQLite store", () => {
  keepsOrder(() => {
    const store = sqliteStore({ path: join(temporaryFolder(), "in-order.db") });
    onTestFinished(() => store.close());
    return store;
  });
});
