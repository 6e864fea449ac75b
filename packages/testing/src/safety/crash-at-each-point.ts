import { OnceAgainError, retry } from "once-again";
import { type Caller, callerOf } from "./caller.ts";
import { checkPlainOperation, observe } from "./observe.ts";
import { freePort } from "./free-port.ts";
import { verdictAfterCrash } from "./judge.ts";
import { type KillableServer, killableServer, type ServerCommand } from "./killable-server.ts";
import { type OperationOptions, type Operations, operationsOf, timeoutOf } from "./operation.ts";
import { assertSafe, reportOf, type SafetyReport } from "./report.ts";
import type { CallerOutcome } from "./observation.ts";

/** The server under test, what to send to it, and how to count what it does. */
export interface CrashOptions extends OperationOptions, ServerCommand {}

/**
 * Proves that a handler survives the death of its process. Runs the server in another process; sends it an operation
 * and learns which `crashPoint`s its handler reaches; then, for each of them, sends an operation at which the process
 * is killed right there, starts it again, and lets the caller ask on with the same key. One effect must be counted in
 * the end, and repeats must get one answer; or one effect at most, and the key is held ("outcome unknown").
 *
 * The server listens on 127.0.0.1 at the port in `PORT`, and keeps its keys and effects where they outlive it. Give it a
 * lease that is shorter than `timeoutMs`: until it ends, repeats are answered "in progress".
 *
 * @example
 * ```ts
 * const reports = await crashAtEachPoint({
 *   command: [process.execPath, "server.ts"],
 *   path: "/charges",
 *   body: '{"amount":420}',
 *   effects: () => bank.countCharges(),
 * });
 * ```
 * @returns what happened at each point, in the order in which the handler reaches them.
 * @throws OnceAgainError `ONCE_HANDLER_UNSAFE` with the story of what broke; `ONCE_TARGET_UNFIT` when the server can't be
 *   started, a plain operation does not succeed, or the handler reaches no crash point, or not to the same ones every
 *   time; `ONCE_OPTION_INVALID`. Whatever `effects` throws.
 */
export async function crashAtEachPoint(options: CrashOptions): Promise<readonly SafetyReport[]> {
  const port = await freePort();
  const operations = operationsOf(options, "/");
  const caller = callerOf(`http://127.0.0.1:${port}`, options);
  const points = await pointsOf(options, port, caller, operations);
  if (points.length === 0) throw unfit("The handler came to no crash point; it must await crashPoint(name).");
  const reports: SafetyReport[] = [];
  for (const point of points) {
    const operation = operations.next();
    await using server = killableServer(options, port, point);
    const seen = await observe(options, caller, operation, async () => [await whileUp(server, caller.ask(operation))]);
    if (server.deaths === 0) throw unfit(`The handler came to the crash point "${point}" once, and then no more.`);
    const happened = `The process died at "${point}" and was started again, and the caller asked on.`;
    reports.push(reportOf({ name: point, happened }, seen, verdictAfterCrash(seen)));
  }
  return assertSafe(reports);
}

/** The crash points that a plain operation reaches. */
async function pointsOf(
  options: CrashOptions,
  port: number,
  caller: Caller,
  operations: Operations,
): Promise<readonly string[]> {
  const operation = operations.next();
  await using server = killableServer(options, port, undefined);
  // It takes a while until it listens; any answer after that is the operation's.
  const send = (): Promise<CallerOutcome> =>
    retry(() => caller.send(operation), {
      attemptsMax: Number.MAX_SAFE_INTEGER,
      timeoutMs: timeoutOf(options),
      backoff: () => 20,
      decide: (outcome) => ("value" in outcome && "failed" in outcome.value ? { action: "retry" } : { action: "done" }),
    });
  checkPlainOperation(await observe(options, caller, operation, async () => [await whileUp(server, send())]));
  return [...server.reached];
}

const whileUp = <Value>(server: KillableServer, value: Promise<Value>): Promise<Value> =>
  Promise.race([value, server.failed]);

const unfit = (message: string): OnceAgainError => new OnceAgainError("ONCE_TARGET_UNFIT", message);
