import { checkNumber } from "../core/options.ts";
import type { CheckedEngineOptions } from "./options.ts";

// A platform such as AWS Lambda ends a process at a known time. An operation there has `timeLeftMs`.

/** How long before the end of its process work has to end, milliseconds at most: its outcome has yet to be stored. */
const reserveMsMax = 1000;
/** How long after the end of a process its lease may be over, milliseconds: the process may end a little late. */
const graceMs = 2000;

/** The options for one operation: where the process ends soon, neither its work nor its lease takes much longer. */
export function optionsWithin(options: CheckedEngineOptions, timeLeftMs: number | undefined): CheckedEngineOptions {
  if (timeLeftMs === undefined) return options;
  const leftMs = checkNumber("timeLeftMs", timeLeftMs, { min: 0 });
  const workMs = Math.floor(leftMs - Math.min(leftMs / 10, reserveMsMax));
  return {
    ...options,
    handlerMsMax: Math.min(options.handlerMsMax, Math.max(1, workMs)),
    workEndsAt: options.clock.monotonic() + workMs,
    leaseMs: Math.min(options.leaseMs, Math.ceil(leftMs) + graceMs),
  };
}
