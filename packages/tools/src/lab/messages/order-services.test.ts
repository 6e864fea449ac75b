import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { interruptedDatabase } from "../../../../../test/support/interrupted-database.ts";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import { savedOrders } from "./order-services.ts";

test("what a service saved before it was killed in a transaction is read", () => {
  const path = join(temporaryFolder(), "orders.sqlite");
  interruptedDatabase(path, "CREATE TABLE saved_orders (id TEXT PRIMARY KEY); INSERT INTO saved_orders VALUES ('a')");
  expect(() => new DatabaseSync(path, { readOnly: true }).prepare("SELECT 1 FROM saved_orders")).toThrow("readonly");
  expect(savedOrders(path)).toEqual(new Set(["a"]));
});
