import { join } from "node:path";
import { describe, onTestFinished } from "vitest";
import { storeBehaviour } from "../../../test/store-behaviour.ts";
import { temporaryFolder } from "../../../test/temporary-folder.ts";
import { sqliteStore } from "./sqlite-store.ts";

describe("the SQLite store", () => {
  storeBehaviour((clock) => {
    const path = join(temporaryFolder(), "keys.db");
    const store = sqliteStore({ path, clock });
    onTestFinished(() => store.close());
    return store;
  });
});
