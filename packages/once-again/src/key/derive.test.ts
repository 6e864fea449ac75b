import * as fc from "fast-check";
import { expect, test } from "vitest";
import { deriveKey, type DerivedKeyParts } from "./derive.ts";
import { formatKey } from "./key.ts";

const secret = new TextEncoder().encode("a secret of 24 bytes ...");
const parts: DerivedKeyParts = { scope: "acme", key: "order-7", name: "charge" };

test("the same parts give the same key, today and in every later version", async () => {
  expect(await deriveKey(secret, parts)).toMatchInlineSnapshot(`"4690c873-ccc7-8b72-9b12-489110fd18f1"`);
  expect(await deriveKey(secret, { ...parts, occurrence: 1 })).toBe(await deriveKey(secret, parts));
});

test("a derived key is a UUIDv8 that can be sent", async () => {
  const key = await deriveKey(secret, parts);
  expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(formatKey(key, "bare")).toBe(key);
});

test("other parts give another key, wherever the difference is", async () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constantFrom("", "a", "a,b", '"', "a:b"));
  const anyParts = fc.record({ scope: text, key: text, name: text, occurrence: fc.integer({ min: 1, max: 3 }) });
  await fc.assert(
    fc.asyncProperty(anyParts, anyParts, async (one, other) => {
      const same = JSON.stringify(Object.values(one)) === JSON.stringify(Object.values(other));
      expect((await deriveKey(secret, one)) === (await deriveKey(secret, other))).toBe(same);
    }),
  );
  // Parts that a separator could confuse.
  const moved = await Promise.all([
    deriveKey(secret, { scope: "a", key: "bc", name: "d" }),
    deriveKey(secret, { scope: "ab", key: "c", name: "d" }),
    deriveKey(secret, { scope: "a", key: "b", name: "cd" }),
    deriveKey(secret, { scope: 'a","b', key: "c", name: "d" }),
  ]);
  expect(new Set(moved).size).toBe(4);
});

test("another secret gives another key", async () => {
  const other = new TextEncoder().encode("b secret of 24 bytes ...");
  expect(await deriveKey(other, parts)).not.toBe(await deriveKey(secret, parts));
});

test("a short secret is refused, and not shown", async () => {
  await expect(deriveKey(new TextEncoder().encode("hunter2"), parts)).rejects.toThrow(
    expect.objectContaining({ code: "ONCE_OPTION_INVALID", message: expect.not.stringContaining("hunter2") as string }),
  );
});
