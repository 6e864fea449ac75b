import { sha256 } from "../../key/sha256.ts";
import { base64Bytes, hexBytes, hmacVerifier } from "./hmac.ts";
import { dayMs, type Secrets, type Sender } from "./sender.ts";

// Senders that sign the body and nothing else. Their ids are in headers that anyone can change: with one signed body, an attacker
// could send it again under any id. So such a webhook is named by its body.

/**
 * Webhooks of GitHub: `X-Hub-Signature-256`. GitHub sends nothing again by itself; people and scripts do, for three days
 * (https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries,
 * https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks).
 *
 * @param secret the webhook's secret; several while they are rotated.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an invalid secret.
 */
export function githubWebhooks(secret: Secrets): Sender {
  return bodySender(secret, {
    readSignature(header) {
      const [, hex] = /^sha256=(.*)$/.exec(header("x-hub-signature-256") ?? "") ?? [];
      return hexBytes(hex);
    },
    nameKey: (hash) => hash,
  });
}

/**
 * Webhooks of Shopify: `X-Shopify-Hmac-Sha256`. It sends a webhook again eight times in four hours
 * (https://shopify.dev/docs/apps/build/webhooks/verify-deliveries,
 * https://shopify.dev/changelog/updates-to-webhook-retry-mechanism).
 *
 * A webhook is named by its topic and its body: `orders/create` and `orders/paid` of one order may have the same body, and are
 * two events. The topic is not signed, so an attacker who has a signed body can send it once under each topic. Check in the
 * handler that the body fits the topic where that matters.
 *
 * @param secret the app's client secret; several while they are rotated, since Shopify takes up to an hour.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an invalid secret.
 */
export function shopifyWebhooks(secret: Secrets): Sender {
  return bodySender(secret, {
    readSignature: (header) => base64Bytes(header("x-shopify-hmac-sha256")),
    nameKey(hash, header) {
      const topic = header("x-shopify-topic")?.toLowerCase();
      if (topic === undefined) return hash;
      return topicForm.test(topic) ? `${topic}:${hash}` : undefined;
    },
  });
}

const topicForm = /^[a-z0-9_]{1,64}\/[a-z0-9_]{1,64}$/;

type HeaderReader = (name: string) => string | undefined;

function bodySender(
  secret: Secrets,
  {
    readSignature,
    nameKey,
  }: {
    readonly readSignature: (header: HeaderReader) => Uint8Array<ArrayBuffer> | undefined;
    /** The key of a webhook with this hash of its body. `undefined`: its headers are malformed. */
    readonly nameKey: (hash: string, header: HeaderReader) => string | undefined;
  },
): Sender {
  const holds = hmacVerifier(secret);
  return {
    retentionMs: 7 * dayMs,
    async verify({ body, header }) {
      if (!(await holds(readSignature(header), body))) return undefined;
      const key = nameKey(`sha256:${await sha256(body)}`, header);
      return key === undefined ? undefined : { key, event: { id: key } };
    },
  };
}
