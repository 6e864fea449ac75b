import { checkNames, type OptionNames } from "../../../core/option-names.ts";
import { checkFunction, invalidOptionError } from "../../../core/options.ts";
import { systemClock } from "../../../core/system-clock.ts";
import { waitHint } from "../../../delivery/index.ts";
import { keyHeaderName } from "../../../key/index.ts";
import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import { type Publish, refusedError, unavailableError } from "../publish.ts";
import { type HeaderList, messageHeaders } from "./message-headers.ts";

/** Where messages go over HTTP. */
export interface HttpPublisherOptions {
  /**
   * The place that takes all messages, or a function that says it for each. With one place, a server that can't be reached
   * is waited out. With a function, a server that fails or stays silent may be one of many, and gone for good, so its messages are
   * refused, and parked in the end.
   */
  readonly url: string | URL | ((message: OutboxMessage) => string | URL);
  /** More headers for each attempt: credentials, a signature. They replace those of the message, in whatever case these are. */
  readonly headers?: ((message: OutboxMessage) => HeaderList | Promise<HeaderList>) | undefined;
  /** Default the platform's. A relay tries again by itself, so a `retryingFetch` is seldom needed. */
  readonly fetch?: typeof fetch | undefined;
}

/** The status of an endpoint that wants no more messages. */
const gone = 410;

/** Statuses of a server that can't serve anybody at present, or has the message under way. */
const comeBack: ReadonlySet<number> = new Set([408, 409, 425, 429, 502, 503, 504]);

/**
 * Publishes each message as a POST with the message's id as its `Idempotency-Key`, the same each time. A response of 200 to
 * 299 confirms it, and its body is not read. A redirect is not followed: the other place would get no message. 410 says that
 * it will never be accepted, so it is parked at once. `Retry-After` and its like are honoured.
 *
 * Sign webhooks with `headers: signWebhooks(secret)`.
 *
 * @example
 * ```ts
 * const relay = openRelay({ outbox, publish: publishToHttp({ url: "https://shipping.example/events" }) });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function publishToHttp(options: HttpPublisherOptions): Publish {
  checkNames("publishToHttp", options, {
    url: true,
    headers: true,
    fetch: "function",
  } satisfies OptionNames<HttpPublisherOptions>);
  const { url, headers = async () => ({}), fetch = globalThis.fetch } = options;
  if (typeof url !== "function" && !URL.canParse(String(url))) throw invalidOptionError("url", "an absolute URL", url);
  checkFunction("headers", headers);
  const urlOf = typeof url === "function" ? url : () => url;
  const failed = typeof url === "function" ? refusedError : unavailableError;

  const publish: Publish = async (message, { signal }) => {
    const { id, topic, orderingKey, body } = message;
    const place = urlOf(message);
    const own = {
      topic: encodeURIComponent(topic),
      "ordering-key": orderingKey === undefined ? undefined : encodeURIComponent(orderingKey),
    };
    // An invalid request is the message's fault, and known before anything is sent.
    const request = new Request(place, {
      method: "POST",
      redirect: "manual",
      body: body as Uint8Array<ArrayBuffer>,
      signal,
      headers: messageHeaders(message.headers, own, await headers(message), { [keyHeaderName]: id }),
    });
    const response = await fetch(request).catch((cause: unknown) => {
      throw failed(`${new URL(place).origin} can't be reached.`, cause);
    });
    await response.body?.cancel().catch(() => undefined);
    if (response.ok) return { isDuplicate: response.headers.get("idempotent-replayed") === "true" };
    const why = `${new URL(place).origin} answered ${response.status}.`;
    const retryAfterMs = waitHint(response.headers, systemClock.now(), response.status);
    if (comeBack.has(response.status)) throw failed(why, undefined, { retryAfterMs });
    throw refusedError(why, undefined, { retryAfterMs, isFinal: response.status === gone });
  };
  return Object.assign(publish, { place: (message: OutboxMessage) => new URL(urlOf(message)).origin });
}
