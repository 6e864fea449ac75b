import { readFileSync } from "node:fs";
import process from "node:process";
import { expect, test } from "vitest";
import { platformProblem } from "./platform.ts";

const node = (version: string, more: object = {}) => ({
  process: { release: { name: "node" }, versions: { node: version, ...more } },
  navigator: { userAgent: `Node.js/${version.split(".")[0]}` },
  Promise,
});
const oldPromise = class {};

test.for(["20.20.2", "18.0.0", "22.20.1", "21.99.0"])("Node %s is too old, and the message says so", (version) => {
  expect(platformProblem(node(version))).toMatch(`this is Node ${version}. Install a newer one`);
  // Node 20 has no navigator.
  expect(platformProblem({ ...node(version), navigator: undefined })).toMatch(`this is Node ${version}`);
});

test.for(["22.21.0", "22.22.3", "24.0.0", "26.1.0"])("Node %s will do", (version) => {
  expect(platformProblem(node(version))).toBeUndefined();
});

test("what only looks like Node is judged by what it has", () => {
  const others = [
    node("22.6.0", { bun: "1.4.0" }),
    node("20.11.1", { deno: "2.9.0" }),
    { ...node("22.19.0"), navigator: { userAgent: "Cloudflare-Workers" } },
    { process: { env: {} }, navigator: { userAgent: "Mozilla/5.0" }, Promise },
    { process: { versions: {} }, Promise },
    { Promise },
  ];
  for (const other of others) {
    expect(platformProblem(other)).toBeUndefined();
    expect(platformProblem({ ...other, Promise: oldPromise })).toMatch(/needs a newer browser or runtime/);
  }
});

test("it is the version that each package asks npm for, and this process has a newer one", () => {
  for (const name of ["once-again", "testing", "gateway", "tools", "create-once-again"]) {
    const { engines } = JSON.parse(readFileSync(new URL(`../../../${name}/package.json`, import.meta.url), "utf8"));
    const oldest = String(engines.node).replace(/^>=|\.0$/g, "");
    expect(platformProblem(node("0.0.0"))).toContain(`Node ${oldest} or newer`);
  }
  expect([platformProblem(), process.release.name]).toEqual([undefined, "node"]);
});
