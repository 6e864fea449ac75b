/**
 * Webhooks: verified on their raw bytes, handled once.
 *
 * @module
 */
import "../../core/check-platform.ts";
export { githubWebhooks, shopifyWebhooks } from "./github-and-shopify.ts";
export type { Sender } from "./sender.ts";
export { slackWebhooks } from "./slack.ts";
export { standardWebhooks } from "./standard-webhooks.ts";
export { stripeWebhooks } from "./stripe.ts";
export { webhookRoute } from "./webhook-route.ts";
