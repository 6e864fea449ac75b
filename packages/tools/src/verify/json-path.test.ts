import { expect, test } from "vitest";
import { readPath } from "./json-path.ts";

const text = '{"a":{"b":[{"c":7},8]},"n":null}';

test.for<[path: string, value: unknown]>([
  ["", JSON.parse(text)],
  ["a.b[0].c", 7],
  ["$.a.b[1]", 8],
  ["a.b", [{ c: 7 }, 8]],
  ["n", null],
  ["n.c", undefined],
  ["a.x", undefined],
  ["a.b[2]", undefined],
  ["toString", undefined],
])("%j", ([path, value]) => {
  expect(readPath(text, path)).toEqual(value);
});

test("what is no JSON has nothing anywhere", () => {
  expect(readPath("no", "a")).toBeUndefined();
});
