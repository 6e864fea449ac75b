import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { errorCodes } from "../../packages/once-again/src/core/error-codes.ts";

const folder = fileURLToPath(new URL("../../docs/errors/", import.meta.url));
const pages = readdirSync(folder)
  .filter((file) => file !== "README.md")
  .map((file) => basename(file, ".md"));

test("every error code has a page, and every page its error code", () => {
  expect(pages.toSorted()).toEqual(Object.keys(errorCodes).toSorted());
});

test.for(pages)("the page of %s is titled with its code", (code) => {
  expect(readFileSync(`${folder}${code}.md`, "utf8").split("\n", 1)[0]).toContain(code);
});
