/**
 * The port of a store, and the rules by which each of its calls changes a record.
 *
 * @module
 */
export { firstRecords } from "./list-records.ts";
export { sealedStore } from "./sealed-store.ts";
export { type SealedPart, type Sealer, sealer, type SealKey, sealKeyId } from "./sealer.ts";
export {
  detailsLengthMax,
  encodeDetails,
  type HeldReason,
  type OperationDetails,
  readDetails,
} from "../core/operation-details.ts";
export { noteLengthMax, readSettlementNote, type SettlementNote, settlementNote } from "./settlement-note.ts";
export * from "./store.ts";
export {
  type AnswerTo,
  inspectRecord,
  isExpired,
  type Operation,
  recordOperations,
  type Transition,
  transition,
} from "./transition.ts";
