import { OnceAgainError, sleep } from "once-again";
import { checkNumber, systemClock } from "once-again/internal";
import type { Caller } from "./caller.ts";
import type { Operation, OperationOptions } from "./operation.ts";
import { formatEffects } from "./report.ts";
import { isSuccess, type Observation, type CallerOutcome, formatOutcome } from "./observation.ts";

/** How long after the last answer a second effect may still come, milliseconds. */
const quietMs = 50;

/**
 * Lets callers do what they do with an operation, and sees what became of it when all is quiet again.
 *
 * @throws whatever `effects` throws.
 */
export async function observe(
  { effects }: OperationOptions,
  caller: Caller,
  operation: Operation,
  call: () => Promise<readonly CallerOutcome[]>,
): Promise<Observation> {
  const count = async (): Promise<number> => checkNumber("effects()", await effects(), { min: 0, integer: true });
  const before = await count();
  const answers = await call();
  await sleep(systemClock, quietMs);
  const repeat = await caller.send(operation);
  return { effects: (await count()) - before, answers, repeat };
}

/** @throws OnceAgainError `ONCE_TARGET_UNFIT` when an operation that met no fault did not succeed, or not as counted. */
export function checkPlainOperation({ effects, answers: [seen] }: Observation): void {
  if (isSuccess(seen!) && effects > 0) return;
  throw new OnceAgainError(
    "ONCE_TARGET_UNFIT",
    "A plain operation must succeed and have an effect that is counted; " +
      `this one had ${formatEffects(effects)}, and the answer ${formatOutcome(seen!)}.`,
  );
}
