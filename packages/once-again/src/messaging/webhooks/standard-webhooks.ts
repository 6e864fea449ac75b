import { hasMethod } from "../../core/duck-typing.ts";
import { invalidOptionError } from "../../core/options.ts";
import { dayMs, exactText, jsonMembers, type Sender } from "./sender.ts";

/** The parts that are used of the package `standardwebhooks`. */
export interface StandardWebhook {
  verify(payload: string, headers: Record<string, string>): unknown;
}

const members = ["id", "timestamp", "signature"] as const;

/** The prefix of the headers: the specification's, or that of Svix, which signs the same content. */
const prefixes = ["webhook", "svix"] as const;

/**
 * Webhooks by the Standard Webhooks specification, verified by its own library, with its five minutes of tolerance, by the
 * machine's clock. Svix, one of the senders, signs the same content in headers of another name (`svix-id`, `svix-timestamp`,
 * `svix-signature`), which are read where the specification's are missing. It retries for 28 hours
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md,
 * https://docs.svix.com/receiving/verifying-payloads/how-manual, https://docs.svix.com/retries).
 * When an event occurred is what its payload says in `timestamp`: the header's time is that of one delivery.
 *
 * @param webhook `new Webhook(secret)` of the package `standardwebhooks`; several while secrets are rotated.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a value that is no such object.
 */
export function standardWebhooks(webhook: StandardWebhook | readonly StandardWebhook[]): Sender {
  const webhooks = [webhook].flat();
  if (webhooks.length === 0 || !webhooks.every((one) => hasMethod(one, "verify"))) {
    throw invalidOptionError("webhook", "a Webhook of the package standardwebhooks", typeof webhook);
  }
  return {
    retentionMs: 7 * dayMs,
    verify({ body, header }) {
      // All three of one prefix: an id of another pair of headers would not be signed.
      const prefix = prefixes.find((name) => members.every((member) => header(`${name}-${member}`) !== undefined));
      if (prefix === undefined) return undefined;
      const [id = "", time = "", signature = ""] = members.map((member) => header(`${prefix}-${member}`));
      const payload = exactText(body);
      // The signature is over id.time.payload: with such an id, or such a time, it could be cut elsewhere.
      if (payload === undefined || /\.\d+(?:\.|$)/.test(id) || !/^\d{1,12}$/.test(time)) return undefined;
      const headers = { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signature };
      if (!webhooks.some((one) => isSigned(one, payload, headers))) return undefined;
      const { timestamp } = jsonMembers(payload);
      const occurredAt = typeof timestamp === "string" ? Date.parse(timestamp) : Number.NaN;
      return { key: id, event: { id, occurredAt: Number.isNaN(occurredAt) ? undefined : occurredAt } };
    },
  };
}

function isSigned(webhook: StandardWebhook, payload: string, headers: Record<string, string>): boolean {
  const problem = problemOf(webhook, payload, headers);
  if (problem === undefined) return true;
  if (!(problem.error instanceof SyntaxError)) return false;
  // The library reads the payload last, so the signature held. One that reads it first would say the same of no signature.
  const unsigned = problemOf(webhook, payload, { ...headers, "webhook-signature": "v1," });
  return unsigned !== undefined && !(unsigned.error instanceof SyntaxError);
}

/** The error that the library throws; `undefined` where it throws no error. */
function problemOf(
  webhook: StandardWebhook,
  payload: string,
  headers: Record<string, string>,
): { error: unknown } | undefined {
  try {
    webhook.verify(payload, headers);
    return undefined;
  } catch (error) {
    return { error };
  }
}
