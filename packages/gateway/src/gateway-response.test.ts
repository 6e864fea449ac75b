import { expect, test } from "vitest";
import { plainProblem } from "./gateway-response.ts";

test("callers that the gateway turns away are asked to come back after 1, 2 or 3 s, by chance", () => {
  const times = Array.from({ length: 300 }, () => new Map(plainProblem(503, "full").headers).get("retry-after"));
  expect(new Set(times)).toEqual(new Set(["1", "2", "3"]));
  expect(new Map(plainProblem(502, "broken").headers).has("retry-after")).toBe(false);
});
