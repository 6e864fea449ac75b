import { expect, test } from "vitest";
import { latencyPoints } from "../../packages/tools/page/src/keys/latency-points.ts";

const sample = (at: number, latencyMs: number) => ({ at, latencyMs, running: 0, held: 0 });

test("where no page was open, and where the store did not respond, no line is drawn", () => {
  const all = [sample(1000, 1), sample(3000, 2), sample(90_000, 9), { at: 92_000, problem: "gone" }, sample(94_000, 3)];
  expect(latencyPoints(all)).toEqual([
    [1, 3, 3.001, 90, 92, 94],
    [1, 2, null, 9, null, 3],
  ]);
  expect(latencyPoints([])).toEqual([[], []]);
});
