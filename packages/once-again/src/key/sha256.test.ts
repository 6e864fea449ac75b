import { createHash } from "node:crypto";
import { afterEach, expect, test, vi } from "vitest";
import { sha256 } from "./sha256.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
});

const expected = (content: Uint8Array | string): string => createHash("sha256").update(content).digest("hex");

/** Enough of them that some hash has a byte below 16, which is written with a zero in front. */
const texts = Array.from({ length: 20 }, (_, number) => `body ${number}`);

test("it is the same hash wherever it is made: here, on another thread, and where there is no node:crypto", async () => {
  vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
  vi.resetModules();
  const elsewhere = (await import("./sha256.ts")).sha256;
  for (const hash of [sha256, elsewhere]) {
    for (const text of [...texts, "", "ä\ud83d\ude00"]) {
      expect(await hash(text)).toBe(expected(text));
      expect(await hash(new TextEncoder().encode(text))).toBe(expected(text));
    }
  }
});

test("a large body has the same hash as ever, at the size at which it goes to another thread and beyond", async () => {
  for (const length of [65_535, 65_536, 65_537, 300_000]) {
    for (let fill = 0; fill < 10; fill += 1) {
      const bytes = new Uint8Array(length).fill(fill);
      expect(await sha256(bytes)).toBe(expected(bytes));
    }
    expect(await sha256("ä".repeat(length))).toBe(expected("ä".repeat(length)));
  }
});
