import { expect, test } from "vitest";
import { budgetSteps, contentionSteps, type TableCheck } from "../index.ts";
import { judgeCell } from "./table-check.ts";

function played(steps: Generator<unknown, TableCheck, void>): TableCheck {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

const outside = ({ cells }: TableCheck) => cells.filter(({ verdict }) => verdict === "outside");

test("the contention model gives back the table of AWS, at 50 clients", () => {
  const check = played(contentionSteps({ trials: 25, only: [50] }));
  expect(check.cells.length).toBe(10);
  expect(outside(check)).toEqual([]);
});

test("the storm model gives back which budgets recover, and when, at 140/s and 200/s", () => {
  const check = played(budgetSteps({ trials: 2, only: [140, 200] }));
  expect(check.cells.length).toBe(10);
  const strict = check.cells.filter(({ row }) => row !== "unlimited");
  expect(strict.filter(({ verdict }) => verdict !== "within")).toEqual([]);
  expect(check.cells.filter(({ measured }) => measured === null)).toMatchObject([
    { row: "unlimited", column: "200/s" },
  ]);
});

const place = { row: "row", column: "column", unit: "seconds" };

test("a mean is within a tenth of the table's number, or it is not", () => {
  expect(judgeCell({ ...place, expected: 100 }, [109, 111], false)).toMatchObject({ measured: 110, verdict: "within" });
  expect(judgeCell({ ...place, expected: 100 }, [99, 130], false)).toMatchObject({ ratio: 1.145, verdict: "outside" });
  expect(judgeCell({ ...place, expected: 100 }, [99, 130], true).verdict).toBe("one-run");
  expect(judgeCell({ ...place, expected: 100 }, [115, 130], true).verdict).toBe("outside");
});

test("never is only never", () => {
  expect(judgeCell({ ...place, expected: null }, [null, null], true).verdict).toBe("within");
  expect(judgeCell({ ...place, expected: null }, [null, 100], true).verdict).toBe("outside");
  expect(judgeCell({ ...place, expected: 100 }, [null, 100], true).verdict).toBe("outside");
  expect(judgeCell({ ...place, expected: 100 }, [null, null], true).verdict).toBe("outside");
});
