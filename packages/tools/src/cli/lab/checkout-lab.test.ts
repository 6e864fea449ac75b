import { once } from "node:events";
import { text } from "node:stream/consumers";
import { beforeEach, expect, test } from "vitest";
import { type LabCommand, labCommand, shippedLines } from "../../../../../test/support/lab-command.ts";
import { exitCodes } from "once-again/internal/command";
import { type CheckoutResult, type CheckoutSideResult, isPaidOnce } from "../../lab/checkout/checkout-result.ts";
import { formatCheckoutReport } from "./checkout-report-text.ts";

let lab: LabCommand;
beforeEach(() => {
  lab = labCommand("--story", "checkout");
});

// The browser is killed when every payment is answered or lost: no moment depends on the speed of the machine.
test("who gets no answer before the browser dies pays twice, carelessly, and once with intents", async () => {
  const child = lab.start(
    "--orders",
    lab.orders(shippedLines.slice(0, 12)),
    "--faults",
    "0.8",
    "--seed",
    "2",
    "--json",
  );
  const [[code], stdout, stderr] = await Promise.all([once(child, "close"), text(child.stdout), text(child.stderr)]);
  expect(stderr).toBe("");
  const { careless, safe, ...rest } = JSON.parse(stdout) as CheckoutResult;
  expect(rest).toMatchObject({ seed: 2, faults: 0.8, browsers: 1 });
  const { "lose-answer": answers, "lose-request": requests } = careless.payments;
  expect(Math.min(answers, requests)).toBeGreaterThan(0);
  expect(careless).toMatchObject({
    paid: 12,
    charges: 12 + answers,
    duplicates: answers,
    presses: 12 + answers + requests,
    resumed: 0,
    replayed: 0,
    lost: 0,
    wrongAmounts: 0,
  });
  expect(safe).toMatchObject({ paid: 12, charges: 12, duplicates: 0, presses: 12, lost: 0, wrongAmounts: 0 });
  expect(safe.payments).toMatchObject({ "lose-answer": answers, "lose-request": requests });
  expect(safe.resumed).toBe(answers + requests);
  expect(safe.replayed).toBeGreaterThanOrEqual(answers);
  expect(code).toBe(exitCodes.fine);
  expect(lab.leftBehind()).toEqual([]);
});

test("an interrupt ends the run, its browsers and its folder", async () => {
  const child = lab.start("--orders", lab.orders(shippedLines.slice(0, 200)));
  const closed = once(child, "close");
  await expect.poll(lab.leftBehind).not.toEqual([]);
  child.kill("SIGINT");
  expect(await closed).toEqual([exitCodes.interrupted, null]);
  expect(lab.leftBehind()).toEqual([]);
});

const right: CheckoutSideResult = {
  orders: 1000,
  paid: 1000,
  charges: 1000,
  duplicates: 0,
  lost: 0,
  wrongAmounts: 0,
  presses: 1000,
  resumed: 296,
  replayed: 142,
  payments: { total: 1296, "lose-request": 154, "lose-answer": 142 },
  timeMs: 12_340,
};
const careless: CheckoutSideResult = {
  ...right,
  charges: 1142,
  duplicates: 142,
  presses: 1296,
  resumed: 0,
  replayed: 0,
};

test("the report has both verdicts, and fits a terminal", () => {
  const report = formatCheckoutReport({ seed: 7, faults: 0.3, browsers: 5, careless, safe: right });
  expect(report).toContain("Careless: 142 charges too many.\nSafe: every customer paid once, and knows it.\n");
  expect(report).toContain("each of 5 browsers is killed");
  expect(Math.max(...report.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
});

test.for(["duplicates", "lost", "wrongAmounts"] as const)("%s are not right", (name) => {
  expect(isPaidOnce(right)).toBe(true);
  expect(isPaidOnce({ ...right, [name]: 1 })).toBe(false);
  expect(isPaidOnce({ ...right, paid: 999 })).toBe(false);
});
