import { joinBytes } from "../../../core/bytes.ts";
import type { Clock } from "../../../core/clock.ts";
import { invalidOptionError } from "../../../core/options.ts";
import { systemClock } from "../../../core/system-clock.ts";
import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import { refusedError } from "../publish.ts";

/** The secret of an endpoint, `whsec_` and the base64 of 24 to 64 bytes; several while it is rotated, each of which signs. */
export type SigningSecrets = string | readonly string[];

const algorithm = { name: "HMAC", hash: "SHA-256" };
const prefix = "whsec_";
const [secretBytesMin, secretBytesMax] = [24, 64];

/**
 * Signs each attempt as Standard Webhooks 1.0 says (symmetric signatures, `v1`), for the `headers` of `publishToHttp`:
 * `webhook-id` is the message's id, the same in each attempt, `webhook-timestamp` the attempt's time, and `webhook-signature`
 * has a signature for each secret (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
 *
 * @param secrets those of one endpoint, or a function that says them for the endpoint of a message: each has its own.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an invalid secret. A message with a full stop in its id is refused, since
 *   what is signed could be cut elsewhere.
 * @example
 * ```ts
 * const headers = signWebhooks(process.env.WEBHOOK_SECRET!);
 * const relay = openRelay({ outbox, publish: publishToHttp({ url: "https://customer.example/webhooks", headers }) });
 * ```
 */
export function signWebhooks(
  secrets: SigningSecrets | ((message: OutboxMessage) => SigningSecrets | Promise<SigningSecrets>),
  { clock = systemClock }: { readonly clock?: Pick<Clock, "now"> | undefined } = {},
): (message: OutboxMessage) => Promise<Readonly<Record<string, string>>> {
  const keysOf = typeof secrets === "function" ? secrets : secretBytes(secrets);
  return async (message) => {
    const { id, body } = message;
    if (id.includes("."))
      throw refusedError(`The id ${id} has a full stop, so it can't be signed.`, undefined, { isFinal: true });
    const keys = typeof keysOf === "function" ? secretBytes(await keysOf(message)) : keysOf;
    const timestamp = String(Math.floor(clock.now() / 1000));
    const content = joinBytes([new TextEncoder().encode(`${id}.${timestamp}.`), body]);
    const signatures = await Promise.all(keys.map((key) => sign(key, content)));
    return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") };
  };
}

async function sign(secret: Uint8Array<ArrayBuffer>, content: Uint8Array<ArrayBuffer>): Promise<string> {
  const key = await crypto.subtle.importKey("raw", secret, algorithm, false, ["sign"]);
  const signature = new Uint8Array(await crypto.subtle.sign("HMAC", key, content));
  return `v1,${btoa(String.fromCharCode(...signature))}`;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. A secret is not shown. */
function secretBytes(secrets: SigningSecrets): readonly Uint8Array<ArrayBuffer>[] {
  const list = typeof secrets === "string" ? [secrets] : secrets;
  if (!Array.isArray(list) || list.length === 0) throw invalidSecret(typeof secrets);
  return (list as readonly unknown[]).map((secret) => {
    if (typeof secret !== "string" || !secret.startsWith(prefix)) throw invalidSecret(typeof secret);
    const bytes = base64Decoded(secret.slice(prefix.length));
    if (bytes === undefined) throw invalidSecret("a text that is no base64");
    if (bytes.length >= secretBytesMin && bytes.length <= secretBytesMax) return bytes;
    throw invalidSecret(`one of ${bytes.length} bytes`);
  });
}

function base64Decoded(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function invalidSecret(is: string): Error {
  const wanted = `${prefix} and the base64 of ${secretBytesMin} to ${secretBytesMax} random bytes, or a list of those`;
  return invalidOptionError("secrets", wanted, is);
}
