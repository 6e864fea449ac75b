import { expect, test } from "vitest";
import { ownedRecords } from "./owned-records.ts";

const record = { owner: "me", fields: "f me 1 1 1", lifeMs: 1, claimedAt: 0 };

test("a record is taken once, and by its owner", () => {
  const records = ownedRecords();
  records.add("k", record);
  expect(records.take("k", "other")).toBeUndefined();
  expect(records.take("k", "me")).toEqual(record);
  expect(records.take("k", "me")).toBeUndefined();
});

test("of more than 10,000 records the oldest are forgotten", () => {
  const records = ownedRecords();
  for (let key = 0; key <= 10_001; key += 1) records.add(String(key), record);
  expect(["0", "1", "2", "10001"].map((key) => records.take(key, "me") !== undefined)).toEqual([
    false,
    false,
    true,
    true,
  ]);
});
