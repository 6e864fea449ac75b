/**
 * Requests that outlive their process: stored before they are sent, and sent until they have a response.
 *
 * @module
 */
import "../core/check-platform.ts";
export type { Intent, IntentAnswer, IntentStore, TransactionalIntentStore } from "../stores/intent-store.ts";
export type { IntentEvent } from "./intent-event.ts";
export type { Intents, TransactionalIntents } from "./intents.ts";
export { type OnceMutation, onceMutation, onceMutationFn } from "./once-mutation.ts";
export { openIntents } from "./open-intents.ts";
