import { expect, test } from "vitest";
import { fakeClock } from "../../testing/fake-clock.ts";
import { type Expiring, SharedTimeout } from "./shared-timeout.ts";

function setting() {
  const clock = fakeClock();
  const timeout = new SharedTimeout(100, clock);
  const over: string[] = [];
  const begin = (name: string, then = () => undefined as void): Expiring => {
    const expiring: Expiring = {
      expiry: undefined,
      onTimeout() {
        over.push(`${name} at ${clock.monotonic()}`);
        then();
      },
    };
    timeout.add(expiring);
    return expiring;
  };
  return { clock, timeout, over, begin };
}

test("each is over at its own time, by one timer", async () => {
  const { clock, over, begin } = setting();
  begin("first");
  await clock.advance(30);
  begin("second");
  begin("third");
  expect(clock.pending).toBe(1);
  await clock.advance(69);
  expect(over).toEqual([]);
  await clock.advance(1);
  expect(over).toEqual(["first at 100"]);
  await clock.advance(1000);
  expect(over).toEqual(["first at 100", "second at 130", "third at 130"]);
  expect(clock.pending).toBe(0);
});

test("what was taken out, from wherever it stood, is never over; with the last the timer goes", async () => {
  const { clock, timeout, over, begin } = setting();
  const [first, second, third, fourth] = ["first", "second", "third", "fourth"].map((name) => begin(name));
  timeout.delete(second!);
  timeout.delete(second!);
  timeout.delete(first!);
  timeout.delete(fourth!);
  expect(clock.pending).toBe(1);
  await clock.advance(100);
  expect(over).toEqual(["third at 100"]);
  timeout.delete(third!);
  begin("fifth");
  await clock.advance(100);
  expect(over).toEqual(["third at 100", "fifth at 200"]);
  const sixth = begin("sixth");
  timeout.delete(sixth);
  expect(clock.pending).toBe(0);
});

test("one that begins because another is over has its whole time", async () => {
  const { clock, over, begin } = setting();
  begin("first", () => void begin("again"));
  await clock.advance(40);
  begin("second");
  await clock.advance(1000);
  expect(over).toEqual(["first at 100", "second at 140", "again at 200"]);
  expect(clock.pending).toBe(0);
});
