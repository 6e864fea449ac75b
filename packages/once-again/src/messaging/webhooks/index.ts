export { githubWebhooks, shopifyWebhooks } from "./github-and-shopify.ts";
export type { Secrets, Sender, VerifyWebhook } from "./sender.ts";
export { slackWebhooks } from "./slack.ts";
export { type StandardWebhook, standardWebhooks } from "./standard-webhooks.ts";
export { type StripeClient, stripeWebhooks } from "./stripe.ts";
export { type WebhookRules, webhookRoute } from "./webhook-route.ts";
