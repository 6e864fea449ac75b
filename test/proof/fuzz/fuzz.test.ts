import { expect, test } from "vitest";
import { isRequestId, requestId } from "./random-connection.ts";
import { describeWithServer } from "../../support/servers/describe-with-server.ts";
import { postgresBinary } from "../../support/servers/postgres.ts";
import { fuzz, type TargetName } from "./targets.ts";

const quiet = { onProgress: () => undefined };

test.concurrent.for<[target: TargetName, workers: number]>([
  ["gateway", 1],
  ["gateway", 2],
  ["servers", 1],
  ["parsers", 1],
  ["webhooks", 1],
])("hostile input to %s (processes: %i) costs its sender only", async ([target, workers]) => {
  const seed = Date.now();
  const result = await fuzz(target, { ...quiet, seed, seconds: 20, workers });
  const program = `npm run fuzz -- --target ${target} --seconds 20 --seed ${seed} --workers ${workers}`;
  expect(result.breaches, program).toEqual([]);
  expect(result.deaths, program).toBe(0);
  expect(result.cases).toBeGreaterThan(0);
});

describeWithServer("pools behind an unsteady network", postgresBinary, () => {
  test("are lent as they were, and lose nothing of the user's", async () => {
    const seed = Date.now();
    const result = await fuzz("pools", { ...quiet, seed, seconds: 10 });
    expect(result.breaches, `npm run fuzz -- --target pools --seconds 10 --seed ${seed}`).toEqual([]);
    expect(result.cases).toBeGreaterThan(0);
  });
});

test("no changed byte makes the name of a request that of another one", () => {
  expect(isRequestId(requestId(164_920, 0))).toBe(true);
  expect(isRequestId("neighbour-7")).toBe(true);
  for (const changed of ["164920-0-64920", "164920-0", "7-0-8", "", "64920-0-164920"])
    expect(isRequestId(changed)).toBe(false);
});

test("the same seed and number make the same connection", async () => {
  const { randomConnection } = await import("./random-connection.ts");
  expect(randomConnection(7, 3)).toEqual(randomConnection(7, 3));
  expect(randomConnection(7, 3)).not.toEqual(randomConnection(8, 3));
});
