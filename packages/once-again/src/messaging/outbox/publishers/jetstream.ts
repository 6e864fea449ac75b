import { hasMethod, wrongClientError } from "../../../core/duck-typing.ts";
import { checkNames, type OptionNames } from "../../../core/option-names.ts";
import { invalidOptionError } from "../../../core/options.ts";
import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import { messageText, type Publish, refusedError, unavailableError } from "../publish.ts";
import { messageHeaders } from "./message-headers.ts";

/** The parts that we use of the client that `jetstream(connection)` of `@nats-io/jetstream` gives. */
export interface JetstreamPublisher<Headers> {
  publish(
    subject: string,
    payload: Uint8Array,
    options: { msgID: string; headers: Headers },
  ): Promise<{ readonly duplicate: boolean }>;
}

/** The parts that we use of the headers of NATS. */
export interface NatsHeaders {
  append(name: string, value: string): void;
}

/** Where messages go in JetStream. */
export interface JetstreamPublisherOptions<Headers> {
  /** The function `headers` of `@nats-io/transport-node` (or `@nats-io/nats-core`), which makes an empty list of them. */
  readonly headers: () => Headers;
  /** The `Nats-Msg-Id`; default the message's id. */
  readonly messageId?: ((message: OutboxMessage) => string) | undefined;
  /** Default the message's topic. A stream has to have it. */
  readonly subject?: ((message: OutboxMessage) => string) | undefined;
}

/**
 * Publishes to JetStream, through your own client of `@nats-io/jetstream`, and waits for the stream's acknowledgement. The
 * message's id is its `Nats-Msg-Id`: a repeat within the stream's `duplicate_window` (2 minutes by default) is not stored
 * again. Its topic and its ordering key are in the headers `topic` and `ordering-key`.
 *
 * @example
 * ```ts
 * const relay = openRelay({ outbox, publish: publishToJetstream(jetstream(connection), { headers }) });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function publishToJetstream<Headers extends NatsHeaders>(
  jetstream: JetstreamPublisher<NoInfer<Headers>>,
  options: JetstreamPublisherOptions<Headers>,
): Publish {
  checkNames("publishToJetstream", options, { headers: true, messageId: true, subject: true } satisfies OptionNames<
    JetstreamPublisherOptions<Headers>
  >);
  const { headers } = options;
  const messageId = messageText("messageId", options.messageId, ({ id }) => id);
  const subject = messageText("subject", options.subject, ({ topic }) => topic);
  if (!hasMethod(jetstream, "publish") || hasMethod(jetstream, "jetstream")) {
    throw wrongClientError("jetstream", "jetstream(connection) of @nats-io/jetstream", jetstream);
  }
  if (typeof headers !== "function") throw invalidOptionError("headers", "the function headers of NATS", headers);
  const publish: Publish = async (message) => {
    const { topic, orderingKey, body } = message;
    const list = headers();
    const own = { topic, "ordering-key": orderingKey };
    for (const [name, value] of Object.entries(messageHeaders(message.headers, own))) list.append(name, value);
    const [place, msgID] = [subject(message), messageId(message)];
    try {
      const { duplicate } = await jetstream.publish(place, body, { msgID, headers: list });
      return { isDuplicate: duplicate };
    } catch (error) {
      if (isRefusal(error)) {
        throw refusedError(`JetStream won't take the message: ${error.message}.`, error, {
          isTemporary: isFull(error),
        });
      }
      throw unavailableError(`No stream of JetStream has confirmed the subject ${place}.`, error);
    }
  };
  return Object.assign(publish, { place: subject });
}

/** True if the error is about this message or its stream: its size, its subject, what the stream allows. */
function isRefusal(error: unknown): error is Error {
  const { name, code, status } = error as { name?: unknown; code?: unknown; status?: unknown };
  // 503: the stream, or all of JetStream, is away. One that is full says so with the same status.
  if (name === "JetStreamApiError") return status !== 503 || isFull(error);
  if (name === "JetStreamStatusError") return code !== 503;
  return ["InvalidSubjectError", "InvalidArgumentError", "PermissionViolationError"].includes(String(name));
}

/** "store failed", with which a stream that discards new messages says that it is full (`JSStreamStoreFailedErr`). */
const storeFailed = 10_077;

const isFull = (error: unknown): boolean => (error as { code?: unknown }).code === storeFailed;
