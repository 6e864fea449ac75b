export { sealedStore } from "./sealed-store.ts";
export { type SealedPart, type Sealer, sealer, type SealKey, sealKeyId } from "./sealer.ts";
export { noteLengthMax, readSettlementNote, type SettlementNote, settlementNote } from "./settlement-note.ts";
export * from "./store.ts";
export * from "./transition.ts";
