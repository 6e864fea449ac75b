import { logError } from "../../../core/error-log.ts";
import { sleep } from "../../../core/clock.ts";
import { type ErrorListener, notify } from "../../../core/listener.ts";
import { systemClock } from "../../../core/system-clock.ts";
import type { Inbox, MessageWork } from "../inbox.ts";
import { checkConsumer } from "./settle-delivery.ts";

/** The parts that we use of a job of BullMQ. */
export interface BullmqJob {
  readonly id?: string | undefined;
  readonly name: string;
  readonly data: unknown;
  /** How often it was begun already. */
  readonly attemptsStarted?: number | undefined;
  /** The token of the worker that has it. */
  readonly token?: string | undefined;
  /** Has it begun again later, which is no attempt. */
  moveToDelayed(timestamp: number, token?: string): Promise<void>;
}

/** The options of a consumer of BullMQ. */
export interface BullmqOptions<Transaction> {
  readonly inbox: Inbox<Transaction>;
  /** The producer's id of a job; default its `jobId`. Give each job one, or a producer's repeat is a new message. */
  readonly id?: ((job: BullmqJob) => string | undefined) | undefined;
  /** Is called once when the worker gives a job up before the inbox does; default one line each by `console.error`, counted when they repeat. */
  readonly onError?: ErrorListener | undefined;
}

/**
 * How often a job's worker may die: the `maxStalledCount` of a `Worker`. Its default, 1, lets BullMQ fail a job before the
 * inbox has decided about it. Enough for an inbox with the default `deliveriesMax` of 10.
 */
export const bullmqStalledCount = 20;

/** How soon a job that is given back is begun again, milliseconds. */
const returnMs = 1000;

/**
 * Makes the processor of a BullMQ `Worker`: a job's effect happens once, also when the job is begun again since its lock was
 * lost. The body is the job's data as JSON, the topic its name. A dead letter is a failed job, which BullMQ does not try
 * again: its `failedReason` begins with the reason. When the inbox closes, jobs that wait are delayed by a second, for
 * another worker, and count no attempt; the order in which worker and inbox are closed does not matter.
 *
 * Give the worker `maxStalledCount: bullmqStalledCount`. `onError` is called at the first job of a worker that has less than
 * it takes for the inbox to decide.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 * @example
 * ```ts
 * const options = { connection, maxStalledCount: bullmqStalledCount };
 * const worker = new Worker("billing", bullmqProcessor({ inbox }, charge), options);
 * ```
 */
export function bullmqProcessor<Transaction>(
  options: BullmqOptions<Transaction>,
  work: MessageWork<Transaction>,
): (job: BullmqJob, token?: string) => Promise<void> {
  checkConsumer("bullmqProcessor", options, work, {});
  const { inbox, id = ({ id }: BullmqJob) => id, onError = logError } = options;
  let [isClosed, isChecked] = [false, false];
  return async (job, token = job.token) => {
    if (!isChecked) {
      const problem = workerProblem(job, inbox.deliveriesMax);
      if (problem !== undefined) notify(onError, problem, { room: "consumer", consumer: inbox.consumer });
    }
    isChecked = true;
    // A worker that is not closed with its inbox goes through the queue, but not at full speed.
    if (isClosed) await sleep(systemClock, returnMs);
    const body = new TextEncoder().encode(JSON.stringify(job.data) ?? "");
    const deliveries = job.attemptsStarted ?? 1;
    const verdict = await inbox.handle({ id: id(job), topic: job.name, headers: {}, body, deliveries }, work);
    // BullMQ knows both errors by their names.
    if (verdict.action === "dead-letter") {
      throw Object.assign(new Error(`${verdict.reason}: ${verdict.detail}`), { name: "UnrecoverableError" });
    }
    if (verdict.action === "give-back") {
      isClosed = true;
      await job.moveToDelayed(systemClock.now() + returnMs, token);
      throw Object.assign(new Error("The inbox is closed. Another worker begins the job again."), {
        name: "DelayedError",
      });
    }
  };
}

/** A job has its worker's options, though not for us: where they are elsewhere in another version, nothing is said. */
function workerProblem(job: BullmqJob, deliveriesMax = 10): Error | undefined {
  const { queue } = job as { readonly queue?: { readonly opts?: { readonly maxStalledCount?: unknown } } };
  const stalledMax = queue?.opts?.maxStalledCount;
  // Each delivery that the inbox may take, the one alone, and those of a process that dies over another job meanwhile.
  const needed = Math.max(bullmqStalledCount, deliveriesMax + 2);
  if (typeof stalledMax !== "number" || stalledMax >= deliveriesMax + 2) return undefined;
  return new Error(
    `The worker's maxStalledCount is ${stalledMax}: BullMQ fails a job before the inbox has tried it ${deliveriesMax} times. ` +
      `Make the Worker with maxStalledCount: ${needed}.`,
  );
}
