import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { lambdaRuntime, type LambdaRuntimeOptions } from "./lambda-runtime.ts";

/** A function that does what its event says. */
const program = `
import { appendFileSync } from "node:fs";
let ticks = 0;
setInterval(() => (ticks += 1), 5);
export async function handler(event, context) {
  appendFileSync(process.env.LINES, "begun\\n");
  if (event.throws) throw new TypeError(event.throws);
  if (event.exits) process.exit(3);
  if (event.hangs) await new Promise(() => undefined);
  return { pid: process.pid, ticks, left: context.getRemainingTimeInMillis(), event };
}
`;

async function runtime(options: Partial<LambdaRuntimeOptions> = {}, text = program) {
  const folder = mkdtempSync(join(tmpdir(), "once-again-lambda-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [file, lines] = [join(folder, "function.mjs"), join(folder, "lines")];
  writeFileSync(file, text);
  writeFileSync(lines, "");
  const lambda = await lambdaRuntime({ file, environment: { LINES: lines }, ...options });
  onTestFinished(() => lambda[Symbol.asyncDispose]());
  const begun = async (): Promise<void> => {
    while (readFileSync(lines, "utf8") === "") await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { lambda, begun };
}

interface Answer {
  readonly pid: number;
  readonly ticks: number;
  readonly left: number;
}

const answerOf = (outcome: { kind: string; answer?: unknown }): Answer => {
  expect(outcome.kind).toBe("answered");
  return outcome.answer as Answer;
};

test("a process has one event after the other, and stands still between them", async () => {
  const { lambda } = await runtime();
  const first = answerOf(await lambda.invoke({ a: [1, "ä"] }));
  expect(first).toMatchObject({ event: { a: [1, "ä"] } });
  expect(first.left).toBeGreaterThan(1000);
  expect(first.left).toBeLessThanOrEqual(3000);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const second = answerOf(await lambda.invoke({}));
  expect(second.pid).toBe(first.pid);
  expect(second.ticks - first.ticks, "ticks of 5 ms within 300 ms").toBeLessThan(20);
});

test("an event that comes while another one runs has another process", async () => {
  const { lambda } = await runtime();
  const [one, other] = (await Promise.all([lambda.invoke({}), lambda.invoke({})])).map(answerOf);
  expect(one!.pid).not.toBe(other!.pid);
});

test("an error of the handler is one of its event, and the process goes on", async () => {
  const { lambda } = await runtime();
  const { pid } = answerOf(await lambda.invoke({}));
  expect(await lambda.invoke({ throws: "no" })).toEqual({ kind: "failed", errorType: "TypeError", errorMessage: "no" });
  expect(answerOf(await lambda.invoke({})).pid).toBe(pid);
});

test("a process that is killed, ends itself or takes too long has lost its event, and the next event has another process", async () => {
  const { lambda, begun } = await runtime({ timeoutMs: 3000 });
  const hanging = lambda.invoke({ hangs: true });
  await begun();
  lambda.kill();
  expect(await hanging).toEqual({ kind: "exited" });
  expect(await lambda.invoke({ exits: true })).toEqual({ kind: "exited" });
  expect(await lambda.invoke({ hangs: true })).toEqual({ kind: "timed-out" });
  expect(await lambda.invoke({})).toMatchObject({ kind: "answered" });
});

test("a frozen process loses its time, too, and goes on when it thaws", async () => {
  const { lambda, begun } = await runtime({ timeoutMs: 3000 });
  const frozen = lambda.invoke({ hangs: true });
  await begun();
  lambda.freeze();
  expect(await frozen).toEqual({ kind: "timed-out" });
  const thawed = lambda.invoke({});
  lambda.freeze();
  lambda.thaw();
  expect(await thawed).toMatchObject({ kind: "answered" });
});

test("a module that can't be loaded, or has no handler, fails its event and says why", async () => {
  const { lambda } = await runtime({}, "export const other = 1;");
  for (let times = 0; times < 2; times += 1) {
    expect(await lambda.invoke({})).toMatchObject({
      kind: "failed",
      errorMessage: expect.stringContaining("exports no function handler") as string,
    });
  }
});

test("options that make no sense are refused", async () => {
  await expect(lambdaRuntime({ file: "" })).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
  await expect(lambdaRuntime({ file: "a.mjs", timeoutMs: 5 })).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
});
