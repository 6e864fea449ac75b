import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("each file that CONTRIBUTING.md names to copy or to change is there", () => {
  const page = readFileSync("CONTRIBUTING.md", "utf8");
  // From the root; or from a room of the library, as `core/options.ts`.
  const named = Array.from(page.matchAll(/`(\w[\w.-]*(?:\/[\w.-]+)+\/?)`/g), ([, path]) => path!);
  expect(named.length).toBeGreaterThan(80);
  expect(named.filter((path) => ![path, `packages/once-again/src/${path}`].some((file) => existsSync(file)))).toEqual(
    [],
  );
});
