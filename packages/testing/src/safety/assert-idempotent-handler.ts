import { sleep } from "once-again";
import { systemClock } from "once-again/internal";
import { flakyNetwork, type FlakyNetwork } from "../flaky-network.ts";
import { type Caller, callerOf } from "./caller.ts";
import { checkPlainOperation, observe } from "./observe.ts";
import { gateClock } from "./gate-clock.ts";
import { verdictBy } from "./judge.ts";
import { checkOther, type Operation, type OperationOptions, type Operations, operationsOf } from "./operation.ts";
import { assertSafe, reportOf, type SafetyReport } from "./report.ts";
import { type HandlerUnderTest, reachable } from "./target.ts";
import { duplicateCount, type ScenarioContext, uncertainScenarios } from "./uncertainty.ts";

/** The request to a handler, and how to count its effects. */
export interface IdempotentHandlerOptions extends OperationOptions {
  /** Another body that would succeed, for the same key. Not needed where `body` or `path` has `{{unique}}`. */
  readonly otherBody?: string | undefined;
}

/**
 * Proves that a handler is safe to call again: sends it one operation after the other through a network that loses the
 * request, lets it fail, and loses its answer; then 50 copies at once, a caller that hangs up in the middle, and
 * another request with a used key. After each, one effect must be counted, and repeats must get the first answer. For
 * any test runner: it rejects when one of them breaks.
 *
 * @example
 * ```ts
 * await assertIdempotentHandler(app.fetch, {
 *   path: "/orders",
 *   body: '{"item":"coffee","reference":"{{unique}}"}',
 *   effects: () => database.countOrders(),
 * });
 * ```
 * @returns what happened in each.
 * @throws OnceAgainError `ONCE_HANDLER_UNSAFE` with the story of what broke; `ONCE_TARGET_UNFIT` when a plain operation
 *   does not succeed or its effect is not counted; `ONCE_OPTION_INVALID`. Whatever `effects` throws.
 */
export async function assertIdempotentHandler(
  target: HandlerUnderTest,
  options: IdempotentHandlerOptions,
): Promise<readonly SafetyReport[]> {
  checkOther(options, options.otherBody);
  await using server = await reachable(target);
  const { pathname, search, hostname, port } = server.url;
  const operations = operationsOf(options, pathname + search, options.otherBody);
  let onPass: () => void = () => undefined;
  await using network = await flakyNetwork({
    clock: gateClock(duplicateCount),
    upstream: { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || 80) },
    plan: () => {
      onPass();
      return { scenario: "pass" };
    },
  });
  const caller = callerOf(network.url, options);
  const plainMs = await plainOperation(options, caller, operations);
  const context = scenarioContext({
    network,
    caller,
    operations,
    plainMs,
    hearPass: (listener) => (onPass = listener),
  });

  const reports: SafetyReport[] = [];
  for (const scenario of uncertainScenarios) {
    const operation = operations.next();
    const seen = await observe(options, caller, operation, () => scenario.run(context, operation));
    const { name, happened, judge } = scenario;
    reports.push(reportOf({ name, happened }, seen, verdictBy(judge, seen)));
  }
  return assertSafe(reports);
}

/** How many plain operations are timed. */
const timed = 3;

/** Sees that operations succeed, and how long one takes when everything is warm, milliseconds. */
async function plainOperation(options: OperationOptions, caller: Caller, operations: Operations): Promise<number> {
  const operation = operations.next();
  checkPlainOperation(await observe(options, caller, operation, async () => [await caller.send(operation)]));
  let plainMs = Number.POSITIVE_INFINITY;
  for (let time = 0; time < timed; time += 1) {
    const startMs = systemClock.monotonic();
    await caller.send(operations.next());
    plainMs = Math.min(plainMs, systemClock.monotonic() - startMs);
  }
  return plainMs;
}

function scenarioContext(parts: {
  network: FlakyNetwork;
  caller: Caller;
  operations: Operations;
  plainMs: number;
  hearPass: (listener: () => void) => void;
}): ScenarioContext {
  const { network, caller, operations, plainMs, hearPass } = parts;
  return {
    async askThrough(fault, operation) {
      network.next(fault);
      return caller.ask(operation);
    },
    async sendCopies(operation) {
      network.next(...Array.from({ length: duplicateCount }, () => ({ scenario: "pass", requestDelayMs: 1 }) as const));
      return Promise.all(Array.from({ length: duplicateCount }, () => caller.send(operation)));
    },
    ask: (operation) => caller.ask(operation),
    send: (operation) => caller.send(operation),
    otherThan: (operation) => operations.otherThan(operation),
    async hangUp(operation: Operation, part) {
      const passed = Promise.withResolvers<void>();
      hearPass(passed.resolve);
      const gone = new AbortController();
      const sent = caller.send(operation, gone.signal);
      await Promise.race([passed.promise, sent]);
      await sleep(systemClock, Math.max(1, plainMs * part));
      gone.abort();
      await sent;
    },
  };
}
