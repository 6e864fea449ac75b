import { callerMutants } from "./caller-mutants.ts";
import { dynamodbMutants } from "./dynamodb-mutants.ts";
import { engineMutants } from "./engine-mutants.ts";
import { forwardingMutants } from "./forwarding-mutants.ts";
import { gatewayMutants } from "./gateway-mutants.ts";
import { httpMutants } from "./http-mutants.ts";
import { judgeMutants } from "./judge-mutants.ts";
import { messagingMutants } from "./messaging-mutants.ts";
import type { Check, Mutant } from "./mutant.ts";
import { nodeMutants } from "./node-mutants.ts";
import { outerMutants } from "./outer-mutants.ts";
import { outgoingMutants } from "./outgoing-mutants.ts";
import { programMutants } from "./program-mutants.ts";
import { webMutants } from "./web-mutants.ts";
import { postgresMutants } from "./postgres-mutants.ts";

const explorer = (configuration: string): Check => ({ kind: "explorer", configuration });
const simulation: Check = { kind: "simulation", seeds: 200 };
/** For what a fault has to hit within a few milliseconds. */
const longSimulation: Check = { kind: "simulation", seeds: 800 };
const test = (file: string): Check => ({ kind: "test", file });

const transition = "packages/once-again/src/stores/transition.ts";
const decisions = "packages/once-again/src/engine/leased-decisions.ts";
const engine = "packages/once-again/src/engine/leased-engine.ts";
const attempt = "packages/once-again/src/engine/leased-engine.ts";

export const mutants: readonly Mutant[] = [
  {
    guard: "Hono: an answer in front is not the operation's",
    file: "packages/once-again/src/frameworks/hono-response.ts",
    search: "return this.isOvertaken ? this.#own !== undefined : this.#isFinalized;",
    replace: "return this.isOvertaken || this.#isFinalized;",
    check: test("packages/once-again/src/frameworks/hono-response.test.ts"),
    killedBy: "answers the first caller, and a repeat gets what the handler answered",
  },
  {
    guard: "Hono: a response that is not stored answers no request",
    file: "packages/once-again/src/frameworks/hono-response.ts",
    search: "if (!this.#isAskedBehind) return this.isOvertaken;",
    replace: "if (!this.#isAskedBehind) return this.isOvertaken || this.#isFinalized;",
    check: test("packages/once-again/src/frameworks/hono-response.test.ts"),
    killedBy: "answers for an answer that is not stored yet",
  },
  {
    guard: "web: once-again behind once-again is noticed",
    file: "packages/once-again/src/frameworks/double-mount.ts",
    search: "outer.isNested = true;",
    replace: "",
    check: test("packages/once-again/src/frameworks/double-mount.test.ts"),
    killedBy: "on a Hono app and on its route, a request is refused at once, and its key is free",
  },
  ...forwardingMutants,
  ...httpMutants,
  ...gatewayMutants,
  ...nodeMutants,
  ...outerMutants,
  ...outgoingMutants,
  ...postgresMutants,
  ...engineMutants,
  ...judgeMutants,
  ...messagingMutants,
  {
    guard: "owner: only the owner's token changes a record",
    file: transition,
    search: "if (record?.owner !== operation.owner) return { record, answer: false };",
    replace: "if (record === undefined) return { record, answer: false };",
    check: explorer("rerun, keyed effect"),
    killedBy: "late-owner-changes-nothing",
  },
  {
    guard: "fence: a take-over has a higher one",
    file: transition,
    search: "fence: Math.max(now, record.fence + 1)",
    replace: "fence: record.fence",
    // A record with a new attempt and an old fence is not written, which a model of one effect would not see.
    check: test("packages/once-again/src/stores/transition.test.ts"),
    killedBy: "with a higher fence",
  },
  {
    guard: "fence: an effect and a lookup get it",
    file: transition,
    search: "const { attempt, fence, checkpoints } = acquired;",
    replace: "const { attempt, checkpoints } = acquired;\n  const fence = 0;",
    check: simulation,
    killedBy: "one-effect",
  },
  {
    guard: "fingerprint: a key is not for another request",
    file: transition,
    search: 'if (record.fingerprint !== request.fingerprint) return { record, answer: { kind: "mismatch" } };',
    replace: "",
    check: explorer("hold, two requests"),
    killedBy: "own-answer",
  },
  {
    guard: "fingerprint: the body counts",
    file: "packages/once-again/src/key/fingerprint.ts",
    search: "encoder.encode(head), content]",
    replace: "encoder.encode(head)]",
    check: simulation,
    killedBy: "own-answer",
  },
  {
    guard: "scope: a key is not for another caller",
    file: "packages/once-again/src/key/key.ts",
    search: "return `${scope.length} ${scope}${key}`;",
    replace: "return scope && key;",
    check: simulation,
    killedBy: "own-answer",
  },
  {
    guard: "clock source: a lease is measured by the monotonic clock",
    file: engine,
    search: "const sentAt = context.options.clock.monotonic();",
    replace: "const sentAt = context.options.clock.now();",
    check: test("packages/once-again/src/engine/leased-engine-faults.test.ts"),
    killedBy: "the signal aborts before the lease is over",
  },
  {
    guard: "clock source: a lease counts from before its claim was sent",
    file: "packages/once-again/src/core/lease.ts",
    search: "this.#endsAt = heldSince + leaseMs;",
    replace: "this.#endsAt = timer.clock.monotonic() + leaseMs;",
    check: test("packages/once-again/src/core/lease.test.ts"),
    killedBy: "counted from when its claim was sent",
  },
  {
    guard: "jitter clamp: first the cap, then the jitter",
    file: "packages/once-again/src/retry/backoff.ts",
    search: "jitter(Math.min(capMs, growth(retry, baseMs, capMs)), random)",
    replace: "Math.min(capMs, jitter(growth(retry, baseMs, capMs), random))",
    check: test("packages/once-again/src/retry/backoff.test.ts"),
    killedBy: "jitter comes after the cap",
  },
  {
    guard: "held: a running record outlives its lease",
    file: transition,
    search: "now + (request.heldRetentionMs ?? Number.POSITIVE_INFINITY)),",
    replace: "now + request.leaseMs),",
    check: explorer("hold"),
    killedBy: "no-lost-effect",
  },
  {
    guard: "held: a running record does not expire with its retention",
    file: transition,
    search: "now + (request.heldRetentionMs ?? Number.POSITIVE_INFINITY)),",
    replace: "now + (request.heldRetentionMs ?? request.retentionMs)),",
    check: test("test/stores/embedded.test.ts"),
    killedBy: "a key without a result is stored until it is settled",
  },
  {
    guard: "held: a purge passes records that run",
    file: "packages/once-again/src/stores/memory/store.ts",
    search: "if (isExpired(record, now) && (scope",
    replace: 'if ((isExpired(record, now) || (record.state === "running" && record.leaseUntil <= now)) && (scope',
    check: test("test/stores/embedded.test.ts"),
    killedBy: "expired records are purged, up to the limit, and no others",
  },
  {
    guard: "purge: of one scope where one is named",
    file: "packages/once-again/src/stores/memory/store.ts",
    search: " && (scope === undefined || own === scope)",
    replace: "",
    check: test("test/stores/embedded.test.ts"),
    killedBy: "expired records of one scope are purged, up to the limit, and no others",
  },
  {
    guard: "held: what was settled expires as any other",
    file: transition,
    search: "checkpoints: noCheckpoints, expiresAt: now + retentionMs };",
    replace: "checkpoints: noCheckpoints, expiresAt: Math.max(record.expiresAt, now + retentionMs) };",
    check: test("test/stores/embedded.test.ts"),
    killedBy: "expires then as any other",
  },
  {
    guard: "retention: it has to be longer than the lease",
    file: "packages/once-again/src/engine/options.ts",
    search: "min: leaseMs + 1,",
    replace: "min: 1,",
    check: test("packages/once-again/src/engine/leased-engine.test.ts"),
    killedBy: "options that make no sense are refused",
  },
  {
    guard: "delete on error: a failure does not give the key back",
    file: decisions,
    search: 'if (effect === "none") return',
    replace: 'if (effect === "none" || effect === "unknown") return',
    check: explorer("hold"),
    killedBy: "no-lost-effect",
  },
  {
    guard: "delete on error: work without effect does not undo a step",
    file: decisions,
    search: 'return policy.hadEffects ? "abandon" : "release";',
    replace: 'return "release";',
    check: test("packages/once-again/src/engine/leased-engine.test.ts"),
    killedBy: "does not undo what an earlier attempt",
  },
  {
    guard: "finish: a refusal half-way is no last word",
    file: decisions,
    search: 'return finishes && effect === "refused" && hadEffects;',
    replace: "return finishes && !finishes;",
    check: explorer("finish"),
    killedBy: "half-way-is-finished",
  },
  {
    guard: "finish: a step that was begun is looked for",
    file: "packages/once-again/src/engine/steps.ts",
    search: 'return "begun" in stored ? "look" : "answer";',
    replace: 'return "begun" in stored ? "run" : "answer";',
    check: explorer("finish"),
    killedBy: "one-effect",
  },
  {
    guard: "hold: an unknown outcome is never run again",
    file: "packages/once-again/src/engine/options.ts",
    search: 'takeOverAfterMs: onUnknown === "hold" ? undefined : quiesceMs,',
    replace: "takeOverAfterMs: quiesceMs,",
    check: simulation,
    killedBy: "one-effect",
  },
  {
    guard: "a loser does not answer with its own result while another is at it",
    file: decisions,
    search: 'return { kind: found.state === "running" ? "in-progress" : "outcome-unknown" };',
    replace: 'return { kind: "executed", result };',
    check: explorer("reconcile, fenced"),
    killedBy: "same-answer",
  },
  {
    guard: "a loser answers with the record's result, not with its own",
    file: decisions,
    search: 'if (found.record.result !== undefined) return { kind: "replayed", result: found.record.result };',
    replace: 'if (found.record.result !== undefined) return { kind: "executed", result };',
    check: test("packages/once-again/src/engine/leased-engine-faults.test.ts"),
    killedBy: "finds what a person settled",
  },
  {
    guard: "acknowledge before commit: the response is stored before it goes out",
    file: attempt,
    search: "if (!isPromise(settling)) return this.#settled(settling, result, bytes, settlement, policy);",
    replace: `if (!isPromise(settling) || settling.catch(() => undefined) !== undefined) {
      return this.#settled(true, result, bytes, settlement, policy);
    }`,
    check: longSimulation,
    killedBy: "same-answer",
  },
  {
    guard: "release: after a take-over it forgets nothing",
    file: transition,
    search: "if (record.attempt === 1) return undefined;",
    replace: "if (record.attempt > 0) return undefined;",
    check: explorer("rerun, keyed effect"),
    killedBy: "no-lost-effect",
  },
  {
    guard: "doubt: work without effect does not say so of an earlier attempt",
    file: decisions,
    search: 'if (effect !== "none" || !hadEffects) return',
    replace: "if (hadEffects || !hadEffects) return",
    check: test("packages/once-again/src/engine/leased-engine.test.ts"),
    killedBy: "does not undo what an earlier attempt",
  },
  {
    guard: "doubt: a store that fails after the work is no refusal",
    file: "packages/once-again/src/engine/bounded-store.ts",
    search: "throw beforeTheWork.has(operation) ? beforeWorkError(error) : resultUnconfirmedError(error);",
    replace: "throw beforeWorkError(error);",
    check: simulation,
    killedBy: "no-lost-effect",
  },
  {
    guard: "doubt: an unconfirmed commit is no refusal",
    file: "packages/once-again/src/engine/transactional-engine.ts",
    search: 'if (keep === "commit" || keep === "answer-only") throw resultUnconfirmedError(error);',
    replace: "",
    check: test("packages/once-again/src/engine/transactional-engine.test.ts"),
    killedBy: "whether a commit came before",
  },
  {
    guard: "doubt: a caller takes no plain 5xx for a refusal",
    file: "packages/once-again/src/client/should-retry.ts",
    search: "return head.status < 500 || (head.status === 503 && retryAfterMs !== undefined && trusted === true);",
    replace: "return true;",
    check: simulation,
    killedBy: "no-lost-effect",
  },
  ...callerMutants,
  ...dynamodbMutants,
  ...programMutants,
  ...webMutants,
  {
    guard: "late use: a transaction of SQLite ends with its operation",
    file: "packages/once-again/src/stores/guard/guard.ts",
    search: "if (this.#hasEnded) throw lateUse(this.#onLateUse);",
    replace: "",
    check: test("packages/once-again/src/stores/sqlite/transact-guard.test.ts"),
    killedBy: "is dead",
  },
  {
    guard: "a COMMIT that got through: SQLite holds the key",
    file: "packages/once-again/src/stores/sqlite/transact.ts",
    search: "await escapedError(hold, cause)",
    replace: "await escapedError(async () => undefined, cause)",
    check: test("packages/once-again/src/stores/sqlite/transact-guard.test.ts"),
    killedBy: "leaves the key held",
  },
  {
    guard: "a statement after the end of its transaction commits by itself: SQLite sends none",
    file: "packages/once-again/src/stores/guard/node-sqlite.ts",
    search: "if (this.database.isTransaction) return;",
    replace: "return;",
    check: test("packages/once-again/src/stores/sqlite/transact-guard.test.ts"),
    killedBy: "nothing more is sent",
  },
  {
    guard: "late use: a transaction of MariaDB ends with its operation",
    file: "packages/once-again/src/stores/guard/guard.ts",
    search: "if (this.#hasEnded) throw lateUse(this.#onLateUse);",
    replace: "",
    check: test("packages/once-again/src/stores/mariadb/transact.test.ts"),
    killedBy: "is dead after its end",
  },
  {
    guard: "a COMMIT that got through: MariaDB holds the key",
    file: "packages/once-again/src/stores/mariadb/session.ts",
    search: '(errorNumber(error) === unknownSavepoint ? "escaped" : "rolled back")',
    replace: '(errorNumber(error) === undefined ? "escaped" : "rolled back")',
    check: test("packages/once-again/src/stores/mariadb/transact.test.ts"),
    killedBy: "leaves the key held",
  },
  {
    guard: "a connection that fell silent is closed",
    file: "packages/once-again/src/stores/mariadb/session.ts",
    search: "const giveBack = (): void => (isSilent ? destroy() : release());",
    replace: "const giveBack = (): void => release();",
    check: test("packages/once-again/src/stores/mariadb/faults.test.ts"),
    killedBy: "fell silent are replaced",
  },
  {
    guard: "retention counts from the end of the work",
    file: "packages/once-again/src/stores/sqlite/transact.ts",
    search: "const now = Math.max(startedAt, clock.now());",
    replace: "const now = startedAt;",
    check: test("packages/once-again/src/stores/sqlite/transact.test.ts"),
    killedBy: "counts from the end",
  },
  {
    guard: "transaction: a failure rolls back",
    file: "packages/once-again/src/engine/transactional-engine.ts",
    search: 'unknown: "rollback",',
    replace: 'unknown: "commit",',
    check: simulation,
    killedBy: "every-key-ends",
  },
  {
    guard: "transaction: what comes after its end is refused",
    file: "packages/once-again/src/stores/guard/guard.ts",
    search: "if (this.#hasEnded) throw lateUse(this.#onLateUse);",
    replace: "",
    check: simulation,
    killedBy: "one-effect",
  },
  {
    guard: "live worker: a time-out's 408 says nothing of its handler",
    file: "packages/once-again/src/http/handler-effect.ts",
    search: 'if (status === 408) return "unknown";',
    replace: "",
    check: simulation,
    killedBy: "every-key-ends",
  },
  {
    guard: "send before fsync: a commit is on disk",
    file: "packages/once-again/src/stores/sqlite/connection.ts",
    search: "PRAGMA synchronous = FULL",
    replace: "PRAGMA synchronous = OFF",
    check: test("test/intents/sqlite-intents.test.ts"),
    killedBy: "every commit is synced",
  },
  {
    guard: "send before fsync: an intent is stored before it is sent",
    file: "packages/once-again/src/intents/open-intents.ts",
    search: "await adding(id, input, (request) => calls.ask(() => remembered.add(request)));",
    replace: `await adding(id, input, async (request) => {
      await fetch(request.request.url, { method: request.request.method }).catch(() => undefined);
      return calls.ask(() => remembered.add(request));
    });`,
    check: test("packages/once-again/src/intents/open-intents.test.ts"),
    killedBy: "before the server gets it",
  },
  {
    guard: "new key on retry: all attempts of a call have one key",
    file: "packages/once-again/src/client/prepare-request.ts",
    search: "const headers = new Headers(request.headers);",
    replace:
      "const headers = new Headers(request.headers);\n" +
      "    const key = headers.get(this.#settings.keyHeader);\n" +
      // In its quotes: behind them it would be refused.
      "    if (key !== null && number > 1) headers.set(this.#settings.keyHeader, key.replace(/\\w/, `${number}-$&`));",
    check: simulation,
    killedBy: "one-effect",
  },
  {
    guard: "attempt in the derived key: it is the same in every attempt",
    file: "packages/once-again/src/engine/steps.ts",
    search: "      key,\n      stored,",
    replace: "      key: `${key} ${owned.owner}`,\n      stored,",
    check: simulation,
    killedBy: "one-effect",
  },
];
