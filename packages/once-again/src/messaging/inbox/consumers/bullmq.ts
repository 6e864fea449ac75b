import { OnceAgainError } from "../../../core/errors.ts";
import { checkNames, type OptionNames } from "../../../core/option-names.ts";
import type { Inbox, InboxVerdict, MessageWork } from "../inbox.ts";
import { checkInboxAndWork } from "./settle-delivery.ts";

/** What we use of a job of BullMQ. */
export interface BullmqJob {
  readonly id?: string | undefined;
  readonly name: string;
  readonly data: unknown;
  /** How often it was begun already. */
  readonly attemptsStarted?: number | undefined;
}

/** What is consumed in BullMQ. */
export interface BullmqOptions<Transaction> {
  readonly inbox: Inbox<Transaction>;
  /** The producer's id of a job; default its `jobId`. Give each job one, or a producer's repeat is a new message. */
  readonly id?: ((job: BullmqJob) => string | undefined) | undefined;
}

/**
 * Makes the processor of a BullMQ `Worker`: a job's effect happens once, also when the job is begun again since its lock was
 * lost. The body is the job's data as JSON, the topic its name. A dead letter is a failed job, which BullMQ does not try
 * again: its `failedReason` begins with the reason.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 * @example
 * ```ts
 * const worker = new Worker("billing", bullmqProcessor({ inbox }, charge), { connection });
 * ```
 */
export function bullmqProcessor<Transaction>(
  options: BullmqOptions<Transaction>,
  work: MessageWork<Transaction>,
): (job: BullmqJob) => Promise<void> {
  checkNames("bullmqProcessor", options, { inbox: true, id: true } satisfies OptionNames<BullmqOptions<Transaction>>);
  const { inbox, id = ({ id }: BullmqJob) => id } = options;
  checkInboxAndWork(inbox, work);
  return async (job) => {
    const body = new TextEncoder().encode(JSON.stringify(job.data) ?? "");
    const deliveries = job.attemptsStarted ?? 1;
    const message = { id: id(job), topic: job.name, headers: {}, body, deliveries };
    const verdict: InboxVerdict = await inbox.handle(message, work);
    if (verdict.action === "dead-letter") {
      // BullMQ knows it by its name.
      throw Object.assign(new Error(`${verdict.reason}: ${verdict.detail}`), { name: "UnrecoverableError" });
    }
    if (verdict.action === "give-back") throw new OnceAgainError("ONCE_CLOSED", "The inbox is closed.");
  };
}
