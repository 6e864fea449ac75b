import { join } from "node:path";
import process from "node:process";
import { expect, onTestFinished, test, vi } from "vitest";
import type { TestCase, TestModule, Vitest } from "vitest/node";
import BoundedRun from "./bounded-run.ts";

test("a run that hangs is cancelled after an hour, then killed, and what has not ended is named", () => {
  vi.useFakeTimers();
  const said: unknown[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => said.push(text) > 0);
  const { exitCode } = process;
  onTestFinished(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    process.exitCode = exitCode;
  });
  const cancelCurrentRun = vi.fn<Vitest["cancelCurrentRun"]>();
  const [whole, hanging, blocked] = ["whole", "hanging", "blocked"].map(
    (name) => ({ moduleId: join(process.cwd(), `test/${name}.test.ts`) }) as TestModule,
  );
  const [first, second] = ["first", "second"].map((fullName) => ({ fullName, module: hanging }) as TestCase);

  const reporter = new BoundedRun();
  reporter.onInit({ cancelCurrentRun } as unknown as Vitest);
  for (const file of [whole!, hanging!, blocked!]) reporter.onTestModuleStart(file);
  reporter.onTestModuleEnd(whole!);
  for (const one of [first!, second!]) reporter.onTestCaseReady(one);
  reporter.onTestCaseResult(first!);
  vi.advanceTimersByTime(59 * 60_000);
  expect(cancelCurrentRun).not.toHaveBeenCalled();

  vi.advanceTimersByTime(60_000);
  expect(said).toEqual([
    "STILL RUNNING after 60 minutes: test/hanging.test.ts > second\n",
    "STILL RUNNING after 60 minutes: test/blocked.test.ts\n",
  ]);
  expect(process.exitCode).toBe(1);
  expect(cancelCurrentRun).toHaveBeenCalledOnce();
  vi.advanceTimersByTime(10_000);
  expect(cancelCurrentRun).toHaveBeenCalledTimes(2);
});
