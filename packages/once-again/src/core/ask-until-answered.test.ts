import { expect, test } from "vitest";
import { askUntilAnswered } from "./ask-until-answered.ts";
import { systemClock } from "./system-clock.ts";

const rules = { clock: systemClock, pauseMs: () => 0, triesAfterStop: 0, onFailure: () => undefined };

/** A database that fails so often before it answers. */
function database(failures: number) {
  let tries = 0;
  return {
    tries: () => tries,
    async ask() {
      tries += 1;
      if (tries <= failures) throw new Error(`failure ${tries}`);
      return "answer";
    },
  };
}

test("it asks until it is answered, and reports each failure", async () => {
  const failures: unknown[] = [];
  const { ask } = database(2);
  const stop = new AbortController().signal;
  const answer = await askUntilAnswered(ask, { ...rules, stop, onFailure: (error) => failures.push(error) });
  expect(answer).toBe("answer");
  expect(failures.map(String)).toEqual(["Error: failure 1", "Error: failure 2"]);
});

test("a stop ends a pause, and the asking", async () => {
  const stopping = new AbortController();
  const { ask, tries } = database(Infinity);
  const asked = askUntilAnswered(ask, {
    ...rules,
    stop: stopping.signal,
    pauseMs: () => 3_600_000,
    onFailure: () => setImmediate(() => stopping.abort()),
  });
  expect(await asked).toBeUndefined();
  expect(tries()).toBe(1);
});

test.each([0, 1, 3])("a stopped one is asked %i times more", async (triesAfterStop) => {
  const { ask, tries } = database(Infinity);
  expect(await askUntilAnswered(ask, { ...rules, stop: AbortSignal.abort(), triesAfterStop })).toBeUndefined();
  expect(tries()).toBe(triesAfterStop);
});
