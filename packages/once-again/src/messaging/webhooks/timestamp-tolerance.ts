/**
 * How old a webhook's signed time may be, seconds; in those of Slack and of Standard Webhooks it may be as far ahead. Slack's page
 * says so, Stripe's library has it as its default, and that of Standard Webhooks takes no other. GitHub and Shopify sign no time.
 */
export const toleranceSeconds = 300;
