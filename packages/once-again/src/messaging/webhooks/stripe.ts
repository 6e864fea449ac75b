import { hasMethod } from "../../core/duck-typing.ts";
import { invalidOptionError } from "../../core/options.ts";
import { checkSecrets, dayMs, exactText, jsonMembers, type Secrets, type Sender } from "./sender.ts";
import { toleranceSeconds } from "./timestamp-tolerance.ts";

/** The parts that are used of the package `stripe`. */
export interface StripeClient {
  readonly webhooks: {
    readonly signature: StripeSignature | null;
  };
}

interface StripeSignature {
  verifyHeaderAsync(
    payload: string,
    header: string,
    secret: string,
    toleranceSeconds: number,
    cryptoProvider: undefined,
    receivedAtMs: number,
  ): Promise<boolean>;
}

/**
 * Webhooks of Stripe, verified by its own library: `Stripe-Signature`, five minutes old at most. An event is named by its id.
 * Its body is no part of what it is: `pending_webhooks` in it is another number at another delivery. Stripe sends an event again
 * for three days, and on request for 30 (https://docs.stripe.com/webhooks). Thin events are taken, too.
 *
 * @param stripe the client, `new Stripe(key)`.
 * @param secret the endpoint's secret, `whsec_…`; several while they are rolled.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an invalid secret, and for a value that is no client.
 */
export function stripeWebhooks(stripe: StripeClient, secret: Secrets): Sender {
  const secrets = checkSecrets(secret);
  const verifier = stripe?.webhooks?.signature;
  if (!hasMethod(verifier, "verifyHeaderAsync")) {
    throw invalidOptionError("stripe", "a client of the package stripe", typeof stripe);
  }
  const isSigned = (payload: string, header: string, one: string, nowMs: number): Promise<boolean> =>
    verifier!.verifyHeaderAsync(payload, header, one, toleranceSeconds, undefined, nowMs).catch(() => false);
  return {
    retentionMs: 31 * dayMs,
    fingerprint: "target",
    async verify({ body, header }, nowMs) {
      const [payload, signature] = [exactText(body), header("stripe-signature")];
      if (payload === undefined || signature === undefined) return undefined;
      const holds = await Promise.all(secrets.map((one) => isSigned(payload, signature, one, nowMs)));
      if (!holds.includes(true)) return undefined;
      const { id, created } = jsonMembers(payload);
      // Only Stripe can have sent it, so operators are notified.
      if (typeof id !== "string") throw new TypeError("An event that Stripe has signed has no id.");
      return { key: id, event: { id, occurredAt: timeOf(created) } };
    },
  };
}

/** Thin events say it as a text. */
function timeOf(created: unknown): number | undefined {
  if (typeof created === "number") return created * 1000;
  const time = typeof created === "string" ? Date.parse(created) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
