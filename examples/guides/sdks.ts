import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { retryingFetch } from "once-again/client";
import Stripe from "stripe";

// Stripe honours keys. Its SDK makes one for each call, and ours keeps it for every attempt.
const stripeFetch = retryingFetch({ keys: ["https://api.stripe.com"], timeoutMs: 60_000 });
export const stripe = new Stripe(process.env["STRIPE_KEY"] ?? "sk_test_none", {
  httpClient: Stripe.createFetchHttpClient(stripeFetch),
  maxNetworkRetries: 0,
});

// A long completion takes longer than our 30 s to begin. These servers promise nothing of keys, so none are made. A second
// completion costs tokens and does no other harm. So each call says that it may be repeated, as the SDKs' own retries assume.
const retrying = retryingFetch({ keys: "off", attemptTimeoutMs: 600_000, timeoutMs: 900_000 });
const patientFetch: typeof fetch = (url, init) => retrying(url, { ...init, repeatable: true });
export const openai = new OpenAI({ apiKey: process.env["OPENAI_KEY"] ?? "none", fetch: patientFetch, maxRetries: 0 });
export const anthropic = new Anthropic({
  apiKey: process.env["ANTHROPIC_KEY"] ?? "none",
  fetch: patientFetch,
  maxRetries: 0,
});
