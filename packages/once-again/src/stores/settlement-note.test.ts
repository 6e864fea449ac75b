import { expect, test } from "vitest";
import { readSettlementNote, settlementNote } from "./settlement-note.ts";

test("a note says who settled a key, and why", () => {
  const note = settlementNote({ author: " alice ", reason: "The bank has it: ü ☃ \u0000" });
  expect(readSettlementNote(note)).toEqual({ author: "alice", reason: "The bank has it: ü ☃ \u0000" });
});

test("a part that is missing, empty, too long or no text is refused by its name", () => {
  const whole = { author: "alice", reason: "seen at the bank" };
  for (const [name, max] of [
    ["author", 200],
    ["reason", 1000],
  ] as const) {
    for (const value of [undefined, "", " \n", "x".repeat(max + 1), 7, null]) {
      expect(() => settlementNote({ ...whole, [name]: value as string })).toThrow(
        expect.objectContaining({ code: "ONCE_OPTION_INVALID", message: expect.stringContaining(name) }),
      );
    }
    expect(readSettlementNote(settlementNote({ ...whole, [name]: "x".repeat(max) }))?.[name]).toHaveLength(max);
  }
});

test("bytes that are no note say nothing", () => {
  for (const text of ["", "null", "[]", '{"author":"alice"}', '{"author":1,"reason":2}', "\u0001sealed"]) {
    expect(readSettlementNote(new TextEncoder().encode(text))).toBeUndefined();
  }
});
