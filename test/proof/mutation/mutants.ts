import { engineMutants } from "./engine-mutants.ts";
import { httpMutants } from "./http-mutants.ts";
import { outerMutants } from "./outer-mutants.ts";
import { postgresMutants } from "./postgres-mutants.ts";

/** A guard that is taken out of the sources, and the check that must notice. */
export interface Mutant {
  /** Which guard is gone. */
  readonly guard: string;
  readonly file: string;
  /** Stands exactly once in the file; a mutant whose text is not there is stale, and fails the run. */
  readonly search: string;
  readonly replace: string;
  readonly check: Check;
  /** The invariant, or the test, that must break. */
  readonly killedBy: string;
}

/** The smallest check that must notice. */
export type Check =
  | { readonly kind: "explorer"; readonly configuration: string }
  | { readonly kind: "simulation"; readonly seeds: number }
  | { readonly kind: "test"; readonly file: string };

const explorer = (configuration: string): Check => ({ kind: "explorer", configuration });
const simulation: Check = { kind: "simulation", seeds: 200 };
/** For what a fault has to hit within a few milliseconds. */
const longSimulation: Check = { kind: "simulation", seeds: 800 };
const test = (file: string): Check => ({ kind: "test", file });

const transition = "src/stores/transition.ts";
const decisions = "src/server/leased-decisions.ts";
const engine = "src/server/leased-engine.ts";
const carryOut = "src/server/carry-out.ts";

export const mutants: readonly Mutant[] = [
  {
    guard: "web: a request that is not the platform's own is copied by itself",
    file: "src/frameworks/web-body.ts",
    search: "return constructor === Request;",
    replace: "return constructor !== undefined;",
    check: test("src/frameworks/fetch.test.ts"),
    killedBy: "is handed on as it is, with all that it has beside, and its body can be read",
  },
  {
    guard: "Hono: an answer in front is not the operation's",
    file: "src/frameworks/hono-answer.ts",
    search: "return this.isOvertaken ? this.#own !== undefined : this.#isFinalized;",
    replace: "return this.isOvertaken || this.#isFinalized;",
    check: test("src/frameworks/hono-answer.test.ts"),
    killedBy: "answers the first caller, and a repeat gets what the handler answered",
  },
  {
    guard: "Hono: what is not stored is nobody's answer",
    file: "src/frameworks/hono-answer.ts",
    search: "if (!this.#isAskedBehind) return this.isOvertaken;",
    replace: "if (!this.#isAskedBehind) return this.isOvertaken || this.#isFinalized;",
    check: test("src/frameworks/hono-answer.test.ts"),
    killedBy: "answers for an answer that is not stored yet",
  },
  {
    guard: "web: once-again behind once-again is noticed",
    file: "src/frameworks/mounting.ts",
    search: "outer.isNested = true;",
    replace: "",
    check: test("src/frameworks/mounting.test.ts"),
    killedBy: "on a Hono app and on its route, a request is refused at once, and its key is free",
  },
  ...httpMutants,
  ...outerMutants,
  ...postgresMutants,
  ...engineMutants,
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
    check: explorer("reconcile, fenced"),
    killedBy: "one-effect",
  },
  {
    guard: "fence: an effect and a look are told of it",
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
    file: "src/key/fingerprint.ts",
    search: "encoder.encode(head), content]",
    replace: "encoder.encode(head)]",
    check: simulation,
    killedBy: "own-answer",
  },
  {
    guard: "scope: a key is not for another caller",
    file: "src/stores/memory/memory-store.ts",
    search: "return JSON.stringify([scope, key]);",
    replace: 'return JSON.stringify(["", scope && key]);',
    check: simulation,
    killedBy: "own-answer",
  },
  {
    guard: "clock source: a lease is measured by the monotonic clock",
    file: engine,
    search: "const sentAt = clock.monotonic();",
    replace: "const sentAt = clock.now();",
    check: test("src/server/leased-engine-faults.test.ts"),
    killedBy: "the signal aborts before the lease is over",
  },
  {
    guard: "clock source: a lease counts from before its claim was sent",
    file: "src/core/lease.ts",
    search: "endAt(options.heldSince + leaseMs);",
    replace: "endAt(clock.monotonic() + leaseMs);",
    check: test("src/core/lease.test.ts"),
    killedBy: "counted from when its claim was sent",
  },
  {
    guard: "jitter clamp: first the cap, then the jitter",
    file: "src/retry/backoff.ts",
    search: "jitter(Math.min(capMs, growth(retry, baseMs, capMs)), random)",
    replace: "Math.min(capMs, jitter(growth(retry, baseMs, capMs), random))",
    check: test("src/retry/backoff.test.ts"),
    killedBy: "jitter comes after the cap",
  },
  {
    guard: "retention: a running record outlives its lease",
    file: transition,
    search: "expiresAt: Math.max(record?.expiresAt ?? 0, now + request.retentionMs),",
    replace: "expiresAt: now + request.leaseMs,",
    check: explorer("hold"),
    killedBy: "no-lost-effect",
  },
  {
    guard: "retention: it has to be longer than the lease",
    file: "src/server/options.ts",
    search: "min: leaseMs + 1,",
    replace: "min: 1,",
    check: test("src/server/leased-engine.test.ts"),
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
    check: test("src/server/leased-engine.test.ts"),
    killedBy: "does not undo what an earlier attempt",
  },
  {
    guard: "hold: an unknown outcome is never run again",
    file: "src/server/options.ts",
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
    check: test("src/server/leased-engine-faults.test.ts"),
    killedBy: "finds what a person settled",
  },
  {
    guard: "acknowledge before commit: the answer is kept before it goes out",
    file: carryOut,
    search: "if (await settle(parts, owned, settlement, ended)) {",
    replace: "void settle(parts, owned, settlement, ended).catch(() => undefined);\n  if (ended) {",
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
    check: test("src/server/leased-engine.test.ts"),
    killedBy: "does not undo what an earlier attempt",
  },
  {
    guard: "doubt: a store that fails after the work is no refusal",
    file: "src/server/store-calls.ts",
    search: "throw beforeTheWork.has(operation) ? storeUnavailable(error) : resultUnconfirmed(error);",
    replace: "throw storeUnavailable(error);",
    check: simulation,
    killedBy: "no-lost-effect",
  },
  {
    guard: "doubt: a commit that nobody confirmed is no refusal",
    file: "src/server/transactional-engine.ts",
    search: 'if (keep === "commit" || keep === "answer-only") throw resultUnconfirmed(error);',
    replace: "",
    check: test("src/server/transactional-engine.test.ts"),
    killedBy: "whether a commit came before",
  },
  {
    guard: "doubt: a caller takes no plain 5xx for a refusal",
    file: "src/client/retry-rule.ts",
    search: "return answer.status < 500 || (answer.status === 503 && retryAfterMs !== undefined && trusted === true);",
    replace: "return true;",
    check: simulation,
    killedBy: "no-lost-effect",
  },
  {
    guard: "doubt: an error of ours is judged by its own row",
    file: "src/delivery/error-verdict.ts",
    search: "  const own = ownWithin(error);\n",
    replace: "  const own = undefined as Verdict | undefined;\n",
    check: test("src/delivery/own-errors.test.ts"),
    killedBy: "is judged by its own row",
  },
  {
    guard: "doubt: a call that gave up vouches only for itself",
    file: "src/delivery/own-errors.ts",
    search: 'delivery: noEffect === true ? "never" : "unknown",',
    replace: 'delivery: "never",',
    check: test("src/delivery/own-errors.test.ts"),
    killedBy: "had no effect only where it says so itself",
  },
  {
    guard: "doubt: a stranger's 503 with Retry-After is no refusal",
    file: "src/client/retry-rule.ts",
    search: " && trusted === true",
    replace: "",
    check: test("src/client/given-keys.test.ts"),
    killedBy: "only when it is once-again's own",
  },
  {
    guard: "doubt: what fails after a redirect is not the request's failure",
    file: "src/client/follow-redirects.ts",
    search: "!isSafeMethod(method) && (settings.redirect",
    replace: "false && (settings.redirect",
    check: test("src/client/redirects.test.ts"),
    killedBy: "may have been carried out",
  },
  {
    guard: "doubt: the error of a body's stream is not the server's",
    file: "src/client/made-body.ts",
    search: "controller.error(new BodyStreamError(cause));",
    replace: "controller.error(cause);",
    check: test("src/client/read-within-attempt.test.ts"),
    killedBy: "is not sent again without a key",
  },
  {
    guard: "key: an empty one is none",
    file: "src/client/operation-key.ts",
    search: 'if (parsed.kind === "key") return brought;',
    replace: 'if (parsed.kind !== "missing") return brought;',
    check: test("src/client/given-keys.test.ts"),
    killedBy: "is refused before anything is sent",
  },
  {
    guard: "nested: a retry around one that gave up stops",
    file: "src/client/retry-rule.ts",
    search: 'if (verdict.gaveUp) return { action: "stop", why: "gave-up" };',
    replace: "",
    check: test("src/client/nested-retries.test.ts"),
    killedBy: "no more than the innermost one's attempts",
  },
  {
    guard: "nested: an SDK's own retry is one attempt",
    file: "src/client/prepared-request.ts",
    search: "const outer = within ?? foreignRetry(headers);",
    replace: "const outer = within;",
    check: test("test/sdks.test.ts"),
    killedBy: "gets one attempt for each of those",
  },
  {
    guard: "layers: a predicate that throws counts as a failure",
    file: "src/retry/layers/judge.ts",
    search: "      return failed(outcome);\n    } catch {\n      return true;",
    replace: "      return failed(outcome);\n    } catch (error) {\n      throw error;",
    check: test("src/retry/layers/circuit-breaker.test.ts"),
    killedBy: "a predicate that throws counts as a failure",
  },
  {
    guard: "budget: an attempt that never left costs nothing",
    file: "src/retry/plan.ts",
    search: "const isPaid = budget !== undefined && !free;",
    replace: "const isPaid = budget !== undefined;",
    check: test("src/retry/retry-limits.test.ts"),
    killedBy: "costs no budget",
  },
  {
    guard: "backoff: no jitter passes the cap",
    file: "src/retry/backoff.ts",
    search: "if (!(delayMs > capMs) || delayMs === Number.POSITIVE_INFINITY) return delayMs;",
    replace: "return delayMs;",
    check: test("src/retry/backoff.test.ts"),
    killedBy: "no jitter passes a cap",
  },
  {
    guard: "body: what is no body is refused",
    file: "src/client/request-body.ts",
    search: 'if (!isStream(body) && !("next" in body)) throw notABody(body);',
    replace: 'if (!isStream(body) && !("next" in body)) return;',
    check: test("src/client/request-body.test.ts"),
    killedBy: "refused before anything is sent",
  },
  {
    guard: "late use: a transaction of SQLite ends with its operation",
    file: "src/stores/sqlite/transaction-guard.ts",
    search: "if (this.#hasEnded) throw this.#lateUse();",
    replace: "",
    check: test("src/stores/sqlite/sqlite-transaction.test.ts"),
    killedBy: "is dead",
  },
  {
    guard: "a COMMIT that got through: SQLite holds the key",
    file: "src/stores/sqlite/keyed-work.ts",
    search: "await hold().then(...keyFates)",
    replace: "keyFates[0]()",
    check: test("src/stores/sqlite/sqlite-transaction.test.ts"),
    killedBy: "leaves the key held",
  },
  {
    guard: "a statement after the end of its transaction commits by itself: SQLite sends none",
    file: "src/stores/sqlite/transaction-guard.ts",
    search: "if (this.database.isTransaction) return;",
    replace: "return;",
    check: test("src/stores/sqlite/sqlite-transaction.test.ts"),
    killedBy: "nothing more is sent",
  },
  {
    guard: "late use: a transaction of MariaDB ends with its operation",
    file: "src/stores/mysql/transaction-guard.ts",
    search: "if (this.#hasEnded) throw this.#lateUse();",
    replace: "",
    check: test("src/stores/mysql/mariadb-transaction.test.ts"),
    killedBy: "is dead after its end",
  },
  {
    guard: "a COMMIT that got through: MariaDB holds the key",
    file: "src/stores/mysql/transactions.ts",
    search: "if (error instanceof TransactionEnded || (committing && errorNumber(error) === unknownSavepoint)) {",
    replace: "if (committing && errorNumber(error) === unknownSavepoint) {",
    check: test("src/stores/mysql/mariadb-transaction.test.ts"),
    killedBy: "leaves the key held",
  },
  {
    guard: "a connection that fell silent is closed",
    file: "src/stores/mysql/sessions.ts",
    search: "const giveBack = (): void => (isSilent ? destroy() : release());",
    replace: "const giveBack = (): void => release();",
    check: test("src/stores/mysql/mariadb-faults.test.ts"),
    killedBy: "fell silent are replaced",
  },
  {
    guard: "retention counts from the end of the work",
    file: "src/stores/sqlite/keyed-work.ts",
    search: "const now = Math.max(startedAt, clock.now());",
    replace: "const now = startedAt;",
    check: test("src/stores/sqlite/transact.test.ts"),
    killedBy: "counts from the end",
  },
  {
    guard: "transaction: a failure rolls back",
    file: "src/server/transactional-engine.ts",
    search: 'unknown: "rollback",',
    replace: 'unknown: "commit",',
    check: simulation,
    killedBy: "every-key-ends",
  },
  {
    guard: "send before fsync: a commit is on disk",
    file: "src/stores/sqlite/connection.ts",
    search: "PRAGMA synchronous = FULL",
    replace: "PRAGMA synchronous = OFF",
    check: test("test/intents/sqlite-intents.test.ts"),
    killedBy: "every commit is synced",
  },
  {
    guard: "send before fsync: an intent is kept before it is sent",
    file: "src/client/intents/open-intents.ts",
    search: "const answer = await calls.ask(() => store.add({ ...request, giveUpAfterMs, openMax }));",
    replace:
      "await settings.fetch(request.request.url, { method: request.request.method }).catch(() => undefined);\n" +
      "    const answer = await calls.ask(() => store.add({ ...request, giveUpAfterMs, openMax }));",
    check: test("src/client/intents/open-intents.test.ts"),
    killedBy: "before the server hears of it",
  },
  {
    guard: "new key on retry: all attempts of a call have one key",
    file: "src/client/prepared-request.ts",
    search: "const attemptHeaders = new Headers(headers);",
    replace:
      "const attemptHeaders = new Headers(headers);\n" +
      "      if (key !== undefined && number > 1) attemptHeaders.set(settings.keyHeader, `${key}-${number}`);",
    check: simulation,
    killedBy: "one-effect",
  },
  {
    guard: "attempt in the derived key: it is the same in every attempt",
    file: carryOut,
    search: "const step = recordedSteps(steps, options.steps);",
    replace: "const step = recordedSteps({ ...steps, key: `${key} ${attempt}` }, options.steps);",
    check: simulation,
    killedBy: "one-effect",
  },
];
