import { invalidOptionError } from "../../core/options.ts";
import type { IdentifiedRequest, ReceivedRequest } from "../../http/webhook-rules.ts";

/**
 * Says what a webhook is, if its signature holds. `undefined`, or a throw: it does not, and is refused with 401. It is given
 * the raw bytes, before anything is looked up.
 *
 * @param nowMs the time of the route's clock, milliseconds since the epoch: for how old a signature may be.
 */
export type VerifyWebhook = (
  request: ReceivedRequest,
  nowMs: number,
) => IdentifiedRequest | undefined | Promise<IdentifiedRequest | undefined>;

/** How one sender signs its webhooks, and for how long it sends them again. */
export interface Sender {
  readonly verify: VerifyWebhook;
  /** Longer than it sends a webhook again, milliseconds. */
  readonly retentionMs: number;
  /** `"target"` where two deliveries of one webhook may differ in their bodies: then its id alone says what it is. */
  readonly fingerprint?: "request" | "target" | undefined;
}

export const dayMs = 86_400_000;

/** One secret, or several while they are rotated: a signature of any of them holds. */
export type Secrets = string | readonly string[];

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for none, or an empty one: it would sign for everybody. */
export function checkSecrets(secrets: Secrets): readonly string[] {
  const list = typeof secrets === "string" ? [secrets] : secrets;
  const isList = Array.isArray(list) && list.length > 0;
  if (isList && list.every((secret) => typeof secret === "string" && secret.trim() !== "")) return list;
  // Its value is not shown: it may be a secret.
  throw invalidOptionError("secret", "the signing secret of the sender, or a list of them", typeof secrets);
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The text of a body, for what is signed as a text.
 *
 * @returns `undefined` for bytes that are no UTF-8: others may come to the same text.
 */
export function exactText(body: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(body);
  } catch {
    return undefined;
  }
}

/** The members of a JSON object; none for anything else. */
export function jsonMembers(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
