import { expect, onTestFinished, test, vi } from "vitest";
import { OnceAgainError } from "./errors.ts";
import { errorLog, logError } from "./error-log.ts";

const opened = () => {
  const lines: string[] = [];
  const intervals: (() => void)[] = [];
  const log = errorLog({ write: (line) => lines.push(line), later: (_ms, call) => intervals.push(call) });
  return { lines, log, endInterval: () => intervals.shift()?.() };
};

const refused = () => Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:5432"), { code: "ECONNREFUSED" });
const unavailable = () =>
  new OnceAgainError("ONCE_STORE_UNAVAILABLE", "The store does not answer.", { cause: refused() });

test("an error is one line, with the messages and codes of its causes", () => {
  const { lines, log } = opened();
  log(unavailable());
  expect(lines).toEqual([
    "once-again: ONCE_STORE_UNAVAILABLE: The store does not answer. | cause: ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:5432",
  ]);
});

test("the same text is written three times in an interval, and then counted", () => {
  const { lines, log, endInterval } = opened();
  for (let count = 0; count < 1000; count += 1) log(unavailable());
  log(new Error("another"));
  expect(lines).toHaveLength(4);
  endInterval();
  expect(lines).toHaveLength(5);
  expect(lines[4]).toMatch(/ECONNREFUSED.* \(and 997 more like it in 60 s\)$/);
  log(unavailable());
  expect(lines).toHaveLength(6);
});

test("a thousand different texts are bounded, too", () => {
  const { lines, log, endInterval } = opened();
  for (let count = 0; count < 1000; count += 1) log(new OnceAgainError("ONCE_STORE_UNAVAILABLE", `order ${count}`));
  expect(lines).toHaveLength(100);
  endInterval();
  expect(lines[100]).toBe("once-again: 900 more errors in 60 s, of other texts");
});

test("a fault without a code says where it was thrown", () => {
  const { lines, log } = opened();
  log(new TypeError("undefined is not a function"));
  expect(lines[0]).toMatch(
    /^once-again: TypeError: undefined is not a function \(at .*error-log\.test\.ts:\d+:\d+\)?\)$/,
  );
});

test("whatever was thrown is a line of bounded length", () => {
  const { lines, log } = opened();
  const round = new Error("round");
  round.cause = round;
  const hostile = {
    get code(): never {
      throw new Error("no");
    },
  };
  const long = new Error("x\ny\r\u2028z\u001b[31m".repeat(10_000));
  for (const error of [undefined, null, 0, "text", {}, hostile, round, long, Object.create(null)]) log(error);
  expect(lines).toHaveLength(9);
  for (const line of lines) {
    expect(line).toMatch(/^once-again: [^\p{Cc}\p{Zl}]*$/u);
    expect(line.length).toBeLessThan(2100);
  }
});

test("it writes by console.error, as that is when it writes", () => {
  const written = vi.spyOn(console, "error").mockImplementation(() => undefined);
  onTestFinished(() => written.mockRestore());
  logError(new OnceAgainError("ONCE_CLOSED", "a text of this test alone"));
  expect(written.mock.calls).toEqual([["once-again: ONCE_CLOSED: a text of this test alone"]]);
});
