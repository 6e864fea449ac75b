/**
 * The port of a store, and the rules by which each of its calls changes a record.
 *
 * @module
 */
import "../core/check-platform.ts";
export { firstRecords } from "./list-records.ts";
export { sealedStore } from "./sealed-store.ts";
export { encodeDetails } from "../core/operation-details.ts";
export { settlementNote } from "./settlement-note.ts";
export type {
  AsyncStore,
  ClaimAnswer,
  ClaimRequest,
  InspectedRecord,
  KeyRecord,
  ListRequest,
  PurgeRequest,
  RecordName,
  RecordSizes,
  Store,
  StoreHealth,
  TransactionAnswer,
  TransactionalStore,
} from "./store.ts";
export {
  type AnswerTo,
  inspectRecord,
  isExpired,
  type Operation,
  recordOperations,
  type Transition,
  transition,
} from "./transition.ts";
