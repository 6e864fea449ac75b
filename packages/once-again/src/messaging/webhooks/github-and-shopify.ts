import { sha256 } from "../../key/sha256.ts";
import { base64Bytes, hexBytes, hmacVerifier } from "./hmac.ts";
import { dayMs, type Secrets, type Sender } from "./sender.ts";

// Senders that sign the body and nothing else. Their ids stand in headers that anybody can change: who has one signed body could
// send it again under any id. So what names such a webhook is its body.

/**
 * Webhooks of GitHub: `X-Hub-Signature-256`. GitHub sends nothing again by itself; people and scripts do, for three days
 * (https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries,
 * https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks).
 *
 * @param secret the webhook's secret; several while they are rotated.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a secret that is none.
 */
export function githubWebhooks(secret: Secrets): Sender {
  return bodySender(secret, 7 * dayMs, (header) => {
    const [, hex] = /^sha256=(.*)$/.exec(header("x-hub-signature-256") ?? "") ?? [];
    return hexBytes(hex);
  });
}

/**
 * Webhooks of Shopify: `X-Shopify-Hmac-Sha256`. It sends a webhook again eight times in four hours
 * (https://shopify.dev/docs/apps/build/webhooks/verify-deliveries,
 * https://shopify.dev/changelog/updates-to-webhook-retry-mechanism).
 *
 * @param secret the app's client secret; several while they are rotated, since Shopify takes up to an hour.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a secret that is none.
 */
export function shopifyWebhooks(secret: Secrets): Sender {
  return bodySender(secret, 7 * dayMs, (header) => base64Bytes(header("x-shopify-hmac-sha256")));
}

function bodySender(
  secret: Secrets,
  retentionMs: number,
  signatureOf: (header: (name: string) => string | undefined) => Uint8Array<ArrayBuffer> | undefined,
): Sender {
  const holds = hmacVerifier(secret);
  return {
    retentionMs,
    async verify({ body, header }) {
      if (!(await holds(signatureOf(header), body))) return undefined;
      const key = `sha256:${await sha256(body)}`;
      return { key, event: { id: key } };
    },
  };
}
