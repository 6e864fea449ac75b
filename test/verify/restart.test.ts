import { expect, test } from "vitest";
import { httpFaults, rightHttpServers } from "../../conformance/faults/faults.ts";
import { verifyModel } from "./verify-model.ts";

const inMemory = httpFaults.find(({ name }) => name === "keys-in-memory")!;

test.for([
  ["its keys in its memory", inMemory.open, "fail"],
  ["its keys on disk", rightHttpServers.draft, "pass"],
] as const)("a server is killed and started again with %s", async ([, open, kind]) => {
  const { cases } = await verifyModel(open(), { only: ["R18"], timeoutMs: 30_000 });
  expect(cases).toMatchObject([{ id: "R18", kind }]);
});
