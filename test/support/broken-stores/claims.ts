import { setImmediate } from "node:timers/promises";
import { answering, asOwner, type BrokenStore, recordOf } from "./broken-store.ts";

const acquired = { kind: "acquired", attempt: 1, abandoned: false, checkpoints: {} } as const;

/** Flaws in the choice of who gets a key. */
export const brokenClaims: readonly BrokenStore[] = [
  {
    flaw: "it reads, and then writes, when a key is new",
    caughtBy: "exactly one of 30 connections gets a new key",
    break: (store) => ({
      async claim(request) {
        const isNew = (await store.inspect(request)) === undefined;
        await setImmediate();
        const answer = await store.claim(request);
        return isNew ? { ...acquired, fence: 1 } : answer;
      },
    }),
  },
  {
    flaw: "it reads, and then writes, when a key is abandoned",
    caughtBy: "exactly one of 30 connections takes an abandoned key over",
    break: (store) => ({
      async claim(request) {
        const before = await store.inspect(request);
        await setImmediate();
        const answer = await store.claim(request);
        if (before?.state !== "abandoned" || answer.kind !== "in-progress") return answer;
        const { attempt, fence, checkpoints } = before.record;
        return { kind: "acquired", attempt: attempt + 1, fence: fence + 1, abandoned: true, checkpoints };
      },
    }),
  },
  {
    flaw: "it takes living leases over",
    caughtBy: "a running key is in progress",
    break: (store) => ({
      async claim(request) {
        const answer = await store.claim(request);
        if (answer.kind !== "in-progress" || request.takeOverAfterMs === undefined) return answer;
        await store.renew({ ...(await asOwner(store, request)), leaseMs: 0 });
        return store.claim(request);
      },
    }),
  },
  {
    flaw: "it takes abandoned keys over from who did not ask for that",
    caughtBy: "an abandoned key is taken over only by who asks",
    break: (store) => ({
      claim: (request) => store.claim({ ...request, takeOverAfterMs: request.takeOverAfterMs ?? 0 }),
    }),
  },
  {
    flaw: "it forgets the fingerprint",
    caughtBy: "another request with a key is a mismatch",
    break: (store) => ({
      async claim(request) {
        const fingerprint = (await recordOf(store, request))?.fingerprint ?? request.fingerprint;
        return store.claim({ ...request, fingerprint });
      },
    }),
  },
  {
    flaw: "it compares fingerprints only when the key is done",
    caughtBy: "another request with a key is a mismatch",
    break: (store) => ({
      async claim(request) {
        const found = await store.inspect(request);
        const fingerprint = found?.state === "running" ? found.record.fingerprint : request.fingerprint;
        return store.claim({ ...request, fingerprint });
      },
    }),
  },
  {
    flaw: "its fence does not grow",
    caughtBy: "the fence grows with every take-over",
    break: (store) => answering(store, (answer) => (answer.kind === "acquired" ? { ...answer, fence: 1 } : answer)),
  },
  {
    flaw: "it loses count of the attempts",
    caughtBy: "an abandoned key is taken over only by who asks",
    break: (store) => answering(store, (answer) => (answer.kind === "acquired" ? { ...answer, attempt: 1 } : answer)),
  },
  {
    flaw: "it forgets checkpoints",
    caughtBy: "a take-over is given the checkpoints",
    break: (store) =>
      answering(store, (answer) => (answer.kind === "acquired" ? { ...answer, checkpoints: {} } : answer)),
  },
  {
    flaw: "it refuses an owner that asks again, as if another had the key",
    caughtBy: "an owner that lost its acknowledgement",
    break: (store) => ({
      async claim(request) {
        const found = await store.inspect(request);
        const again = found?.state === "running" && found.record.owner === request.owner;
        return again ? { kind: "in-progress", leaseMsLeft: 1 } : store.claim(request);
      },
    }),
  },
  {
    flaw: "it does not say how long a lease still lasts",
    caughtBy: "a running key is in progress",
    break: (store) =>
      answering(store, (answer) => (answer.kind === "in-progress" ? { ...answer, leaseMsLeft: 0 } : answer)),
  },
];
