import { expect, onTestFinished, test, vi } from "vitest";
import { OnceAgainError } from "./errors.ts";
import { errorLog, logError } from "./error-log.ts";

const opened = () => {
  const lines: string[] = [];
  const intervals: (() => void)[] = [];
  const log = errorLog({
    write: (line) => lines.push(line),
    now: () => 1_700_000_000_000,
    later: (_ms, call) => intervals.push(call),
  });
  return { lines, log, endInterval: () => intervals.shift()?.() };
};

const time = "2023-11-14T22:13:20.000Z";

const refused = () => Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:5432"), { code: "ECONNREFUSED" });
const unavailable = () =>
  new OnceAgainError("ONCE_STORE_UNAVAILABLE", "The store does not answer.", { cause: refused() });

test("an error is one line, with the messages and codes of its causes", () => {
  const { lines, log } = opened();
  log(unavailable());
  expect(lines).toEqual([
    `${time} once-again: ONCE_STORE_UNAVAILABLE: The store does not answer. | cause: ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:5432`,
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

test("a line says where the error comes from, and what it is about", () => {
  const { lines, log, endInterval } = opened();
  for (let order = 1; order <= 5; order += 1) {
    log(unavailable(), {
      room: "relay",
      id: `order-${order}`,
      place: "shop/orders",
      delayMs: undefined,
      refusals: order,
    });
  }
  log(unavailable(), { room: "inbox", id: "order-1" });
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(
    /^2023-\S+ once-again relay: ONCE_STORE_UNAVAILABLE: .* 127\.0\.0\.1:5432 \[id=order-1 place=shop\/orders refusals=1\]$/,
  );
  expect(lines[3]).toMatch(/^2023-\S+ once-again inbox: .* \[id=order-1\]$/);
  endInterval();
  // Errors of one text are counted together, whatever they are about.
  expect(lines[4]).toMatch(/^2023-\S+ once-again relay: .*5432 \(and 2 more like it in 60 s\)$/);
});

test("a hostile name can't pass for another, move the line, or fill it", () => {
  const { lines, log } = opened();
  log(unavailable(), { room: "route", key: "a key=b]\n\u001b[2J\u202e\ud800", scope: "x".repeat(10_000) });
  expect(lines[0]).toMatch(/ \[key="a key=b\]\\n\\u001b\[2J\\u\{202e\}\ufffd" scope="x{256}…"\]$/);
  expect(lines[0]!.length).toBeLessThan(1000);
});

test("a thousand different texts are bounded, too", () => {
  const { lines, log, endInterval } = opened();
  for (let count = 0; count < 1000; count += 1) log(new OnceAgainError("ONCE_STORE_UNAVAILABLE", `order ${count}`));
  expect(lines).toHaveLength(100);
  endInterval();
  expect(lines[100]).toBe(`${time} once-again: 900 more errors in 60 s, of other texts`);
});

test("a fault without a code says where it was thrown", () => {
  const { lines, log } = opened();
  log(new TypeError("undefined is not a function"));
  expect(lines[0]).toMatch(
    /^2023-\S+ once-again: TypeError: undefined is not a function \(at .*error-log\.test\.ts:\d+:\d+\)?\)$/,
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
    expect(line).toMatch(/^2023-\S+ once-again: [^\p{Cc}\p{Zl}]*$/u);
    expect(line.length).toBeLessThan(2100);
  }
});

test("it writes by console.error, as that is when it writes", () => {
  const written = vi.spyOn(console, "error").mockImplementation(() => undefined);
  onTestFinished(() => written.mockRestore());
  logError(new OnceAgainError("ONCE_CLOSED", "a text of this test alone"));
  expect(written.mock.calls).toEqual([
    [expect.stringMatching(/^20\d\d-\d\d-\d\dT[\d:.]+Z once-again: ONCE_CLOSED: a text of this test alone$/)],
  ]);
});
