import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { rowsOf, storeNames } from "../bench/server/catalog.ts";
import type { ServerResults } from "../bench/server/report.ts";

const main = fileURLToPath(new URL("../bench/server/main.ts", import.meta.url));
const bench = (...args: string[]) => promisify(execFile)(process.execPath, [main, ...args], { maxBuffer: 2 ** 24 });

// Fastify only: a quick run says that every row can still be measured, and nothing of its speed.
describe("the server benchmark", () => {
  test.for(storeNames)("measures every row on %s", { timeout: 180_000 }, async (store) => {
    const quick = ["--framework", "fastify", "--rounds", "1", "--milliseconds", "50", "--connections", "5"];
    const { stdout } = await bench("--store", store, ...quick, "--json");
    const { measured } = JSON.parse(stdout) as ServerResults;
    expect(measured.map(({ name }) => name)).toEqual(rowsOf(store, "fastify").map(({ name }) => name));
    for (const { medians, ratios } of measured) {
      for (const figure of [...Object.values(medians), ...Object.values(ratios)]) expect(figure).toBeGreaterThan(0);
    }
  });

  test("calls an unknown store wrong usage", async () => {
    await expect(bench("--store", "paper")).rejects.toMatchObject({ code: 2 });
  });
});
