import { expect, test } from "vitest";
import type { CallerResult, LabResult } from "../../lab/lab-result.ts";
import { drawBar, formatLabReport } from "./report-text.ts";
import { summarizeWaits } from "../../lab/waits.ts";

const right: CallerResult = {
  orders: 1000,
  confirmed: 1000,
  replayed: 101,
  attempts: { total: 1430, pass: 1000, "lose-request": 143, fail: 144, "lose-answer": 143, broken: 0 },
  charges: 1000,
  duplicates: 0,
  lost: 0,
  wrongAmounts: 0,
  waits: summarizeWaits([3, 4, 5, 6, 15, 30]),
  timeMs: 6_049,
};
const careless: CallerResult = {
  ...right,
  confirmed: 975,
  charges: 1092,
  duplicates: 101,
  lost: 9,
  waits: summarizeWaits([100, 100]),
};
const result: LabResult = { seed: 7, faults: 0.3, crashes: { api: 0, caller: 0 }, careless, safe: right };

test("the report has both callers side by side", () => {
  expect(formatLabReport(result)).toMatchInlineSnapshot(`
    "1,000 orders, 30% of attempts meet a fault, seed 7

                                      careless          safe
    orders                               1,000         1,000
    confirmed to the caller                975         1,000
    charges in the ledger                1,092         1,000
    charged too often                      101             0
    orders lost                              9             0
    wrong amounts                            0             0
    attempts                             1,430         1,430
      without a fault                    1,000         1,000
      never arrived                        143           143
      arrived and failed                   144           144
      answer lost                          143           143
    answered from memory                   101           101
    time                                 6.0 s         6.0 s

    Waits before a retry
                 careless                    safe
        0-10 ms                              ████████████████████ 4
       10-20 ms                              █████ 1
       20-40 ms                              █████ 1
       40-80 ms
      80-160 ms  ████████████████████ 2

    Careless: 101 charges too many, 9 orders lost, 25 in doubt.
    Safe: every order confirmed and charged once.
    "
  `);
});

test("crashes, a single fault and a run without waits have their own sentences", () => {
  const safe = { ...right, duplicates: 1, wrongAmounts: 1, confirmed: 999, waits: summarizeWaits([]) };
  const report = formatLabReport({
    ...result,
    crashes: { api: 1, caller: 2 },
    careless: { ...right, waits: summarizeWaits([]) },
    safe,
  });
  expect(report).toContain("API killed once, each caller 2 times.");
  expect(report).toContain("(of these, API was down)");
  expect(report).toContain("Waits before a retry\n  none\n");
  expect(report).toContain("Careless: every order confirmed and charged once.");
  expect(report).toContain("Safe: 1 charge too many, 1 wrong amount, 1 in doubt.");
});

test("what is good and what is bad goes through the painter, and nothing moves for it", () => {
  const painted = formatLabReport(result, {
    strong: (text) => `<b>${text}</>`,
    faint: (text) => `<f>${text}</>`,
    good: (text) => `<+>${text}</>`,
    bad: (text) => `<->${text}</>`,
  });
  expect(painted).toMatch(/charged too often\s+<->\s+101<\/><\+>\s+0<\/>/);
  expect(painted).toContain("<+>Safe: every order");
  const bare = (text: string): string => text.replaceAll(/<.*?>/g, "").replaceAll(/ +$/gm, "");
  expect(bare(painted)).toBe(formatLabReport(result));
});

test("a bar is as long as its share, to an eighth of a character, and never nothing for something", () => {
  expect([drawBar(0, 9, 4), drawBar(1, 1000, 4), drawBar(9, 9, 4), drawBar(1, 2, 4), drawBar(9, 16, 2)]).toEqual([
    "",
    "▏",
    "████",
    "██",
    "█▏",
  ]);
});
