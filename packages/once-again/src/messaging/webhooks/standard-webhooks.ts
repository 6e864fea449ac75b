import { hasMethod } from "../../core/client-names.ts";
import { invalidOptionError } from "../../core/options.ts";
import { dayMs, exactText, jsonMembers, type Sender } from "./sender.ts";

/** What is used of the package `standardwebhooks`. */
export interface StandardWebhook {
  verify(payload: string, headers: Record<string, string>): unknown;
}

const headerNames = ["webhook-id", "webhook-timestamp", "webhook-signature"] as const;

/**
 * Webhooks by the Standard Webhooks specification, verified by its own library, with its five minutes of tolerance, by the
 * machine's clock. Svix, one of those who send them, goes on for 28 hours
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, https://docs.svix.com/retries).
 * When an event occurred is what its payload says in `timestamp`: the header's time is that of one delivery.
 *
 * @param webhook `new Webhook(secret)` of the package `standardwebhooks`; several while secrets are rotated.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is none.
 */
export function standardWebhooks(webhook: StandardWebhook | readonly StandardWebhook[]): Sender {
  const webhooks = [webhook].flat();
  if (webhooks.length === 0 || !webhooks.every((one) => hasMethod(one, "verify"))) {
    throw invalidOptionError("webhook", "a Webhook of the package standardwebhooks", typeof webhook);
  }
  return {
    retentionMs: 7 * dayMs,
    verify({ body, header }) {
      const [id = "", time = "", signature = ""] = headerNames.map(header);
      const payload = exactText(body);
      // What is signed is id.time.payload: with such an id, or such a time, it could be cut elsewhere.
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
  try {
    webhook.verify(payload, headers);
    return true;
  } catch (error) {
    // The signature held: the library reads the payload last.
    return error instanceof SyntaxError;
  }
}
