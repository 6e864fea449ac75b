export type {
  AddIntentAnswer,
  AddIntentRequest,
  ClaimedIntent,
  ClaimedIntents,
  ClaimIntentsRequest,
  Intent,
  IntentAnswer,
  IntentFacts,
  IntentOutcome,
  IntentRequest,
  IntentStore,
  ListIntentsRequest,
  OwnedIntent,
  PendingIntent,
  TransactionalIntentStore,
} from "../stores/intent-store.ts";
export type { IntentEvent, IntentNews } from "./intent-event.ts";
export type { IntentInput } from "./intent-input.ts";
export type { IntentsOptions, RequestHeaders } from "./intents-options.ts";
export type { FoundOutcome, Intents, TransactionalIntents } from "./intents.ts";
export { openIntents } from "./open-intents.ts";
