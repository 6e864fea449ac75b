export {
  bytesCodec,
  type Codec,
  type Engine,
  type Execution,
  heldError,
  type MessageFacts,
  NoEffectError,
  type OnceOperation,
  type Outcome,
  type Reconciled,
  type ServerEvent,
  type Steps,
  type StoreOperation,
  type Work,
  type WorkResult,
} from "./engine.ts";
export { leasedEngine } from "./leased-engine.ts";
export type { EngineOptions } from "./options.ts";
export { sealedStore } from "./sealed-store.ts";
export { type SealedPart, type Sealer, sealer, type SealKey, sealKeyId } from "./sealer.ts";
export { transactionalEngine } from "./transactional-engine.ts";
