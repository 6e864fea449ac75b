import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { nodeVersionProblem } from "./run-program.ts";

test.for(["20.20.2", "18.0.0", "22.20.1", "21.99.0"])("Node %s is too old, and the message says so", (version) => {
  expect(nodeVersionProblem(version)).toMatch(`this is Node ${version}`);
});

test.for(["22.21.0", "22.22.3", "24.0.0", "26.1.0"])("Node %s will do", (version) => {
  expect(nodeVersionProblem(version)).toBeUndefined();
});

test("it is the version that package.json asks for", () => {
  const { engines } = JSON.parse(readFileSync(new URL("../../../tools/package.json", import.meta.url), "utf8"));
  expect(nodeVersionProblem("0.0.0")).toContain(`Node ${String(engines.node).replace(/^>=|\.0$/g, "")} or newer`);
});
