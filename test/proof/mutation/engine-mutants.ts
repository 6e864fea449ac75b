import type { Mutant } from "./mutant.ts";

/** The check that a test file is. */
const test = (file: string): Mutant["check"] => ({ kind: "test", file });

const boundedStore = "packages/once-again/src/engine/bounded-store.ts";
const boundedStoreTest = test("packages/once-again/src/engine/bounded-store.test.ts");
const duplicatesTest = test("packages/once-again/src/engine/running-operations.test.ts");
const signalTest = test("packages/once-again/src/engine/ended-signal.test.ts");

/** The guards of the engines that are no decision of a key's state: calls of the store, duplicates, live workers. */
export const engineMutants: readonly Mutant[] = [
  {
    guard: "live worker: a lease runs out under a worker that may be alive",
    file: "packages/once-again/src/engine/leased-decisions.ts",
    search: 'return takeOverAfterMs > 0 ? "expire" : "abandon";',
    replace: 'return takeOverAfterMs > 0 ? "abandon" : "abandon";',
    check: { kind: "explorer", configuration: "reconcile, quiesced, at work after the answer" },
    killedBy: "one-effect",
  },
  {
    guard: "live worker: a leased handler's signal aborts when its operation has ended",
    file: "packages/once-again/src/engine/leased-engine.ts",
    search: "this.#timeout.stop(mustStop(effect) ? operationEndedError() : undefined);",
    replace: "this.#timeout.stop(mustStop(effect) ? undefined : undefined);",
    check: signalTest,
    killedBy: "aborts unless it is a success",
  },
  {
    guard: "live worker: the signal of a handler in a transaction aborts when its operation has ended",
    file: "packages/once-again/src/engine/transactional-engine.ts",
    search: "timeout.stop(run.ended === undefined || mustStop(run.ended.effect) ? operationEndedError() : undefined);",
    replace: "timeout.stop(mustStop(run.ended?.effect ?? 'done') ? undefined : undefined);",
    check: signalTest,
    killedBy: "aborts unless it is a success",
  },
  {
    guard: "late claim: a release that finds nothing proves nothing",
    file: "packages/once-again/src/engine/claim-withdrawal.ts",
    search: 'return before === "answered" || (before === "failed" && (isClosing || clock.monotonic() >= deniedFrom));',
    replace: 'return before !== "answered" || isClosing || clock.monotonic() >= deniedFrom;',
    check: boundedStoreTest,
    killedBy: "lands later does not hold the key of",
  },
  {
    guard: "live worker: no step begins on a lease that is over, where another worker looks it up",
    file: "packages/once-again/src/engine/steps.ts",
    search: "if (record.isOver?.()) throw leaseLostError();",
    replace: "",
    check: test("packages/once-again/src/engine/steps.test.ts"),
    killedBy: "does not begin where another worker looks it up",
  },
  {
    guard: "live worker: work does not begin on a lease that is over, though no timer has said so",
    file: "packages/once-again/src/engine/execution.ts",
    search: "this.#source.checkLease?.();",
    replace: "",
    check: test("packages/once-again/src/engine/skewed-clock.test.ts"),
    killedBy: "does not begin it on a lease that is over",
  },
  {
    guard: "settlement: the store is asked again for a result after the caller has its response",
    file: boundedStore,
    search: "() => settleLater(owned, ask, result)",
    replace: "",
    check: test("packages/once-again/src/engine/leased-engine-faults.test.ts"),
    killedBy: "the result is stored when the store is back",
  },
  {
    guard: "settlement: a key is not taken over while its result is still to be stored",
    file: boundedStore,
    search: "if (result !== undefined) await once(() => store.renew({ ...named(owned), leaseMs }));",
    replace: "",
    check: boundedStoreTest,
    killedBy: "a lease outlives a completion",
  },
  {
    guard: "bounded store: a transaction that comes too late runs no work",
    file: "packages/once-again/src/engine/bounded-store.ts",
    search: "if (error !== undefined) throw error;",
    replace: "",
    check: boundedStoreTest,
    killedBy: "its work does not run when it comes late",
  },
  {
    guard: "bounded store: a look before a request is let in is bounded",
    file: "packages/once-again/src/http/handle-request.ts",
    search: "await lookUp(name)",
    replace: "await options.store.inspect(name)",
    check: boundedStoreTest,
    killedBy: "a look into the store",
  },
  {
    guard: "duplicates: a request is compared only with one that the store has confirmed",
    file: "packages/once-again/src/engine/running-operations.ts",
    search: "if (running.isConfirmed) answerWaiter(waiting, waiter, mismatch);",
    replace: "answerWaiter(waiting, waiter, mismatch);",
    check: duplicatesTest,
    killedBy: "a stray request",
  },
  {
    guard: 'duplicates: none is "in progress" before the store has said so',
    file: "packages/once-again/src/engine/running-operations.ts",
    search: "if (running?.isConfirmed) answerWaiter(waiting, waiter, inProgress);",
    replace: "answerWaiter(waiting, waiter, inProgress);",
    check: duplicatesTest,
    killedBy: "simultaneous repeats of a stored result",
  },
  {
    guard: "duplicates: none waits for the store's answer twice",
    file: "packages/once-again/src/engine/running-operations.ts",
    search:
      "if (isLate(waiter)) answerWaiter(waiting, waiter, inProgress);\n        else addWaiter(following, waiter);",
    replace: "addWaiter(following, waiter);",
    check: duplicatesTest,
    killedBy: "repeats wait for a silent store once",
  },
  {
    guard: "duplicates: the first one's answer is that of all who wait",
    file: "packages/once-again/src/engine/request-end.ts",
    search: 'return isStored ? endWithoutWork({ kind: "replayed", result: outcome.result }) : undefined;',
    replace: "return undefined;",
    check: duplicatesTest,
    killedBy: "get the result of the first",
  },
  {
    guard: "duplicates: a response that is not stored answers no other request",
    file: "packages/once-again/src/engine/request-end.ts",
    search: 'return isStored ? endWithoutWork({ kind: "replayed", result: outcome.result }) : undefined;',
    replace: 'return endWithoutWork({ kind: "replayed", result: outcome.result });',
    check: duplicatesTest,
    killedBy: "leaves no answer behind",
  },
  {
    guard: "duplicates: waitMs holds for the transactions of other processes",
    file: "packages/once-again/src/engine/transactional-engine.ts",
    search: 'if (answer.outcome.kind !== "in-progress" || leftMs <= 0) return (result = answer);',
    replace: "if (leftMs > 0 || leftMs <= 0) return (result = answer);",
    check: boundedStoreTest,
    killedBy: "of another process is waited for",
  },
  {
    guard: "held: a store that found its transaction ended by the work is believed",
    file: "packages/once-again/src/engine/transactional-engine.ts",
    search: "return whenHeld;",
    replace: "",
    check: signalTest,
    killedBy: "holds the key",
  },
  {
    guard: "retention: a stored result expires, however long its lease was",
    file: "packages/once-again/src/stores/transition.ts",
    search: 'return record.expiresAt <= now && (record.state === "done" || record.leaseUntil <= now);',
    replace: "return record.expiresAt <= now && record.leaseUntil <= now;",
    check: test("packages/once-again/src/stores/transition.test.ts"),
    killedBy: "expires although its lease was longer",
  },
  {
    guard: "bounded store: a result that is in memory is no unknown outcome",
    file: "packages/once-again/src/engine/bounded-store.ts",
    search: 'answer.kind === "abandoned" ? { kind: "in-progress", leaseMsLeft: 0 } : answer,',
    replace: "answer,",
    check: test("packages/once-again/src/engine/leased-engine-faults.test.ts"),
    killedBy: "the process that has the result says that it runs",
  },
];
