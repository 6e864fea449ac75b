import { expect, test } from "vitest";
import { type Flight, flightAfter, spotOf, stationOf } from "../../packages/tools/page/src/lab/flights.ts";
import type { ExchangeView } from "../../packages/tools/src/lab/live/live-protocol.ts";

// Where the Lab page draws a request, by the events that the console has sent.

const held: ExchangeView = {
  id: "safe-0",
  caller: "safe",
  order: 1,
  attempt: 1,
  at: "held",
  fate: "pass",
  mark: "sent",
  requestMs: 1000,
  answerMs: 1000,
};

const flightOf = (
  fate: ExchangeView["fate"],
  ...steps: readonly [at: ExchangeView["at"], mark: ExchangeView["mark"], now: number][]
) => {
  let flight: Flight | undefined;
  for (const [at, mark, now] of steps) flight = flightAfter(flight, { ...held, at, mark, fate }, now);
  return flight!;
};

test("a request waits at its caller, travels to the API, and its answer travels back", () => {
  expect(spotOf(flightOf("pass", ["held", "sent", 0]), 9000)).toEqual({ x: 0, isReturning: false, isCut: false });
  const flight = flightOf("pass", ["sent", "sent", 0], ["answered", "pass", 1000], ["heard", "pass", 2000]);
  expect(spotOf(flight, 500)).toEqual({ x: 0.5, isReturning: false, isCut: false });
  expect(spotOf(flight, 1250)).toEqual({ x: 0.75, isReturning: true, isCut: false });
  expect(spotOf(flight, 2000)).toBeUndefined();
});

test("a lost request ends halfway there, a lost answer halfway back, a refused one at the API", () => {
  const request = flightOf("lose-request", ["sent", "sent", 0], ["lost", "lose-request", 1000]);
  expect(spotOf(request, 1500)).toEqual({ x: 0.5, isReturning: false, isCut: true });
  const answer = flightOf("lose-answer", ["sent", "sent", 0], ["answered", "lose-answer", 1000]);
  expect(spotOf(answer, 2100)).toEqual({ x: 0.5, isReturning: true, isCut: true });
  const refused = flightOf("pass", ["sent", "sent", 0], ["broken", "broken", 1000]);
  expect(spotOf(refused, 1500)).toEqual({ x: 1, isReturning: false, isCut: true });
  for (const flight of [request, answer, refused]) expect(spotOf(flight, 10_000)).toBeUndefined();
});

test("what is over at once is shown long enough to be seen, and without motion at its stations", () => {
  const flight = flightOf("pass", ["heard", "pass", 0]);
  const quick = { ...flight, view: { ...flight.view, requestMs: 0, answerMs: 0 } };
  expect(spotOf(quick, 130)?.x).toBe(0.5);
  expect(spotOf(quick, 400)?.isReturning).toBe(true);
  const slow = flightOf("pass", ["sent", "sent", 0]);
  expect([stationOf(slow, 10)?.x, stationOf(slow, 900)?.x]).toEqual([0.5, 0.5]);
});
