/**
 * The engine under every adapter: claims a key, runs the operation once, stores and replays its result.
 *
 * @module
 */
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
  type RequestFacts,
  type ServerEvent,
  type Steps,
  type StoreOperation,
  type Work,
  type WorkResult,
} from "./engine.ts";
export { leasedEngine } from "./leased-engine.ts";
export type { EngineOptions } from "./options.ts";
export { transactionalEngine } from "./transactional-engine.ts";
