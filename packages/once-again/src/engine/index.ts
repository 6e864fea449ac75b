export { bytesCodec } from "./codec.ts";
export type {
  Attempt,
  Codec,
  Engine,
  Execution,
  MessageFacts,
  OnceOperation,
  Outcome,
  Work,
  WorkResult,
} from "./engine.ts";
export { heldError, NoEffectError } from "./errors.ts";
export { leasedEngine } from "./leased-engine.ts";
export type { EngineOptions } from "./options.ts";
export { sealedStore } from "./sealed-store.ts";
export { type SealedPart, type Sealer, sealer, type SealKey, sealKeyId } from "./sealer.ts";
export type { ServerEvent, StoreOperation } from "./server-event.ts";
export type { Reconciled, Steps } from "./steps.ts";
export { transactionalEngine } from "./transactional-engine.ts";
