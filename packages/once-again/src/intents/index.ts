/**
 * Requests that outlive their process: stored before they are sent, and sent until they have a response.
 *
 * @module
 */
export type {
  AddIntentAnswer,
  AddIntentRequest,
  ClaimedIntent,
  ClaimedIntents,
  Intent,
  IntentAnswer,
  IntentFacts,
  IntentOutcome,
  IntentRequest,
  IntentStore,
  PendingIntent,
  TransactionalIntentStore,
} from "../stores/intent-store.ts";
export type { IntentEvent } from "./intent-event.ts";
export type { IntentInput } from "./intent-input.ts";
export type { IntentsOptions } from "./intents-options.ts";
export type { Intents, TransactionalIntents } from "./intents.ts";
export { openIntents } from "./open-intents.ts";
