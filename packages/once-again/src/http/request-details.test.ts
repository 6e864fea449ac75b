import { hostname } from "node:os";
import process from "node:process";
import { expect, test } from "vitest";
import { ask } from "../../../../test/support/http-bench.ts";
import { type FakeClock, fakeClock } from "../../../testing/src/index.ts";
import { heldError } from "../engine/work-effect.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { type OperationDetails, readDetails } from "../core/operation-details.ts";
import { type OnceHttp, onceHttp } from "./handle-request.ts";
import type { HttpHandler } from "./response.ts";
import type { UnknownOutcomeRules } from "./http-options.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const worker = `${hostname()}/${process.pid}`;

const created: HttpHandler<undefined> = async () => ({ status: 201, headers: [], body: new Uint8Array() });

interface Opened {
  readonly clock: FakeClock;
  readonly errors: unknown[];
  readonly once: OnceHttp<string, undefined>;
  readonly detailsOf: () => Promise<OperationDetails | undefined>;
}

function opened(onUnknown: UnknownOutcomeRules<string>, handlerMsMax = 5000): Opened {
  const clock = fakeClock(1_700_000_000_000);
  const store = memoryStore({ clock });
  const errors: unknown[] = [];
  const once = onceHttp<string>({
    ...{ store, clock, waitMs: 0, scope: "public", onUnknown, limits: { handlerMsMax } },
    onError: (error) => void errors.push(error),
  });
  const detailsOf = async (): Promise<OperationDetails | undefined> => {
    const [found] = await store.list({});
    return found?.record.details && readDetails(found.record.details);
  };
  return { clock, errors, once, detailsOf };
}

test("without a label nothing is stored beside the record", async () => {
  const { once, detailsOf } = opened({ action: "hold" });
  await ask(once, created);
  expect(await detailsOf()).toBeUndefined();
});

test("a label is stored with what the request was, where it ran, and its trace", async () => {
  const { once, detailsOf } = opened({
    action: "hold",
    label: ({ body }, native) => `${native}: ${new TextDecoder().decode(body)}`,
  });
  await ask(once, created, { text: "25.00 EUR", headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } });
  expect(await detailsOf()).toEqual({ label: "acme: 25.00 EUR", route: "POST /orders", worker, traceId });
});

test("all but the label is stored where details: true says so, and the label alone never", async () => {
  const withDetails = opened({ action: "hold", details: true });
  await ask(withDetails.once, created, { headers: { traceparent: "00-what is this" } });
  expect(await withDetails.detailsOf()).toEqual({ route: "POST /orders", worker });
  const without = opened({ action: "hold", details: false, label: () => "order 7" });
  await ask(without.once, created);
  expect(await without.detailsOf()).toBeUndefined();
});

const badLabels: readonly [string, () => unknown][] = [
  ["throws", () => JSON.parse("{")],
  ["gives a promise", async () => "order 7"],
  ["gives a number", () => 7],
];

test.each(badLabels)("a label that %s is reported, and its request runs without one", async (_, label) => {
  const { once, detailsOf, errors } = opened({ action: "hold", label: label as () => string });
  expect(await ask(once, created)).toMatchObject({ status: 201 });
  expect(errors).toHaveLength(1);
  expect(await detailsOf()).toEqual({ route: "POST /orders", worker });
});

test("how an attempt ended that left its key held is stored with it", async () => {
  const held = opened({ action: "hold", details: true });
  await ask(held.once, async () => {
    throw heldError("The bank broke off.");
  });
  expect(await held.detailsOf()).toMatchObject({ reason: "held" });

  const rerun = (quiesceMs: number): Opened =>
    opened({ action: "rerun", acknowledgeDuplicates: true, details: true, quiesceMs });
  for (const quiesceMs of [0, 60_000]) {
    const threw = rerun(quiesceMs);
    await ask(threw.once, async () => {
      throw new Error("the power went out");
    });
    expect(await threw.detailsOf()).toMatchObject({ reason: "threw", route: "POST /orders" });
    const failed = rerun(quiesceMs);
    await ask(failed.once, async () => ({ status: 502, headers: [], body: new Uint8Array() }));
    expect(await failed.detailsOf()).toMatchObject({ reason: "failed" });
  }
});

test("a handler that took too long is named as the reason, and its lease ends when it would have", async () => {
  const { clock, once, detailsOf } = opened({ action: "hold", details: true }, 35_000);
  const response = ask(once, () => new Promise(() => undefined));
  await clock.advance(35_000);
  expect(await response).toMatchObject({ status: 504 });
  expect(await detailsOf()).toMatchObject({ reason: "time-out" });
  // Renewed for the last time at 30 s, for 30 s.
  await clock.advance(24_999);
  expect(await ask(once, created)).toMatchObject({ code: "ONCE_IN_PROGRESS" });
  await clock.advance(1);
  expect(await ask(once, created)).toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  expect(await detailsOf()).toMatchObject({ reason: "time-out" });
});
