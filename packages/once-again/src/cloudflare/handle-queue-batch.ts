import { hasMethod } from "../core/duck-typing.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { logError } from "../core/error-log.ts";
import { checkFunction, checkNumber, invalidOptionError } from "../core/options.ts";
import type { Inbox, InboxMessage, InboxVerdict, MessageWork } from "../messaging/inbox/index.ts";
import { systemClock } from "../core/system-clock.ts";

/** A message of Cloudflare Queues. */
export interface QueuedMessage {
  readonly id: string;
  readonly timestamp: Date;
  readonly body: unknown;
  /** How often it was delivered, this time included. */
  readonly attempts: number;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

/** The argument of the `queue` handler of a Worker. */
export interface QueuedBatch {
  readonly queue: string;
  readonly messages: readonly QueuedMessage[];
}

/** The binding of a queue that a Worker sends to, such as `env.DEAD_LETTERS`. */
export interface QueueBinding {
  send(message: unknown): Promise<unknown>;
}

/** How the messages of a queue come to an inbox. */
export interface QueueOptions<Transaction> {
  /** Its consumer's name is the scope of the effects. Open it in the `queue` handler, and close it by `ctx.waitUntil`. */
  readonly inbox: Inbox<Transaction>;
  /** The producer's id of a message; default the queue's `id`, under which a producer that sends again sends a new message. */
  readonly id?: ((message: QueuedMessage) => string | undefined) | undefined;
  /**
   * The queue that dead letters are sent to, each as a `QueueDeadLetter`; default none: the message is retried until Cloudflare
   * moves it to the `dead_letter_queue` of the consumer's configuration, or deletes it.
   */
  readonly deadLetters?: QueueBinding | undefined;
  /** How long a message may wait within this call, for another consumer or for its next try, milliseconds; default 30,000. Then it is retried by the queue. */
  readonly waitMsMax?: number | undefined;
}

/** A message that an inbox will not handle, as it is sent to the queue of dead letters. */
export interface QueueDeadLetter {
  /** As an inbox's verdict has it. */
  readonly reason: Extract<InboxVerdict, { action: "dead-letter" }>["reason"];
  /** The reason in words. */
  readonly detail: string;
  readonly consumer: string;
  readonly queue: string;
  /** The message's id; missing where it has none. */
  readonly id: string | undefined;
  /** The message itself, as it was sent. */
  readonly body: unknown;
}

/** How soon a message that was not settled comes again, seconds. */
const retrySeconds = 5;

/**
 * Handles a batch of Cloudflare Queues: one effect for each message, also when a batch is delivered again. Every message is
 * settled by itself, `ack()` or `retry()`, so one that fails does not bring the others back.
 *
 * The topic of a message is the queue's name, and its body what was sent: a text or bytes as they are, anything else as JSON.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; then no message is settled, and the queue retries all.
 * @example
 * ```ts
 * const handler = {
 *   async queue(batch: MessageBatch, env: { DB: D1Database }, ctx: ExecutionContext) {
 *     const inbox = openInbox({ mode: "transactional", store: d1Store(env.DB), consumer: "billing" });
 *     await handleQueueBatch(batch, { inbox }, (message, { transaction }) => {
 *       const { order } = readJson(message) as { order: string };
 *       transaction.run("INSERT INTO invoices (order_id) VALUES (?)", order);
 *     });
 *     ctx.waitUntil(inbox.close());
 *   },
 * };
 * ```
 */
export async function handleQueueBatch<Transaction>(
  batch: QueuedBatch,
  options: QueueOptions<Transaction>,
  work: MessageWork<Transaction>,
): Promise<void> {
  if (!Array.isArray(batch?.messages))
    throw invalidOptionError("batch", "what the queue handler of a Worker is given", batch);
  checkNames("handleQueueBatch", options, {
    inbox: true,
    id: true,
    deadLetters: true,
    waitMsMax: true,
  } satisfies OptionNames<QueueOptions<Transaction>>);
  if (!hasMethod(options.inbox, "handle"))
    throw invalidOptionError("inbox", "what openInbox() gives", typeof options.inbox);
  if (typeof work !== "function") throw invalidOptionError("work", "a function", work);
  checkFunction("id", options.id);
  const { deadLetters } = options;
  if (deadLetters !== undefined && !hasMethod(deadLetters, "send")) {
    throw invalidOptionError("deadLetters", "the binding of a queue, such as env.DEAD_LETTERS", deadLetters);
  }
  const waitMsMax = checkNumber("waitMsMax", options.waitMsMax ?? 30_000, { min: 0, max: 900_000 });
  const waiting = new AbortController();
  const cancel = systemClock.timer(waitMsMax, () => waiting.abort());
  try {
    await Promise.all(
      batch.messages.map((message) => settleMessage(batch.queue, message, options, work, waiting.signal)),
    );
  } finally {
    cancel();
  }
}

async function settleMessage<Transaction>(
  queue: string,
  message: QueuedMessage,
  { inbox, id = ({ id: own }) => own, deadLetters }: QueueOptions<Transaction>,
  work: MessageWork<Transaction>,
  signal: AbortSignal,
): Promise<void> {
  const again = (): void => message.retry({ delaySeconds: retrySeconds });
  try {
    const delivery: InboxMessage = {
      id: id(message),
      topic: queue,
      headers: {},
      body: bodyOf(message.body),
      deliveries: message.attempts,
    };
    const verdict = await inbox.handle(delivery, work, { signal });
    if (verdict.action === "give-back") return again();
    if (verdict.action === "dead-letter") {
      if (deadLetters === undefined) return again();
      const { reason, detail } = verdict;
      const letter = { reason, detail, consumer: inbox.consumer, queue, id: delivery.id, body: message.body };
      await deadLetters.send(letter satisfies QueueDeadLetter);
    }
    message.ack();
  } catch (error) {
    logError(error, { room: "consumer", consumer: inbox.consumer, queue, id: message.id });
    again();
  }
}

/** A body as bytes. */
function bodyOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  return new TextEncoder().encode(typeof body === "string" ? body : (JSON.stringify(body) ?? ""));
}
