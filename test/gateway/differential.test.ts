import { expect, test } from "vitest";
import { runDifferential } from "../proof/differential/run.ts";

test("random requests that pass through are seen, and answered, as if they went straight", async () => {
  const seed = Date.now();
  expect(await runDifferential(seed, 200), `npm run differential -- --seed ${seed} --requests 200`).toEqual([]);
});
