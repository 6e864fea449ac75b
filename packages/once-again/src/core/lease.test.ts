import { expect, test } from "vitest";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { DeadlineTimer } from "./deadline-timer.ts";
import { Lease } from "./lease.ts";

const leaseMs = 900;

/** A lease with renewals that the test answers by hand; it was claimed `claimMs` ago. */
async function held(claimMs = 0) {
  const clock = fakeClock();
  await clock.advance(claimMs);
  const renewals: PromiseWithResolvers<boolean>[] = [];
  let losses = 0;
  const abort = new AbortController();
  const lease = new Lease(new DeadlineTimer(clock), leaseMs, 0, {
    renewLease: () => {
      const renewal = Promise.withResolvers<boolean>();
      renewals.push(renewal);
      return renewal.promise;
    },
    leaseLost: (error) => {
      losses += 1;
      abort.abort(error);
    },
  });
  return { clock, lease, abort, renewals, losses: () => losses };
}

test("a lease that is not renewed ends by our own clock, counted from when its claim was sent", async () => {
  const { clock, abort, losses } = await held(200);
  await clock.advance(699);
  expect(abort.signal.aborted).toBe(false);
  await clock.advance(1);
  expect(abort.signal.reason).toMatchObject({ code: "ONCE_LEASE_LOST" });
  expect([losses(), clock.pending]).toEqual([1, 0]);
});

test("a claim that took longer than its lease holds nothing", async () => {
  const { clock, abort } = await held(leaseMs + 1);
  await clock.advance(0);
  expect(abort.signal.aborted).toBe(true);
});

test("a renewed lease is counted from when its renewal was sent, not from when it was answered", async () => {
  const { clock, abort, renewals } = await held();
  await clock.advance(300);
  await clock.advance(250);
  renewals[0]?.resolve(true);
  // Sent at 300, answered at 550: it ends at 1200.
  await clock.advance(1199 - 550);
  expect(abort.signal.aborted).toBe(false);
  await clock.advance(1);
  expect(abort.signal.aborted).toBe(true);
});

test("a renewal that is rejected is tried again, and one that is refused ends the lease at once", async () => {
  const { clock, abort, renewals, losses } = await held();
  await clock.advance(300);
  renewals[0]?.reject(new Error("ECONNRESET"));
  await clock.advance(300);
  expect(renewals).toHaveLength(2);
  renewals[1]?.resolve(false);
  await clock.advance(0);
  expect([abort.signal.aborted, losses(), clock.pending]).toEqual([true, 1, 0]);
});

test("a stopped lease is not lost, however its last renewal ends, and leaves no timer", async () => {
  for (const answer of [true, false]) {
    const { clock, lease, abort, renewals, losses } = await held();
    await clock.advance(300);
    lease.stop();
    renewals[0]?.resolve(answer);
    await clock.advance(10 * leaseMs);
    expect([abort.signal.aborted, losses(), clock.pending, renewals.length]).toEqual([false, 0, 0, 1]);
  }
});
