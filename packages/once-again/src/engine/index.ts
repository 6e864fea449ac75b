/**
 * The engine under every adapter: claims a key, runs the operation once, stores and replays its result.
 *
 * @module
 */
import "../core/check-platform.ts";
export {
  bytesCodec,
  type Codec,
  type Engine,
  type Execution,
  NoEffectError,
  type Outcome,
  type Steps,
  type WorkResult,
} from "./engine.ts";
export type { ServerEvent } from "./server-event.ts";
export { leasedEngine } from "./leased-engine.ts";
export { heldError } from "./work-effect.ts";
export { transactionalEngine } from "./transactional-engine.ts";
