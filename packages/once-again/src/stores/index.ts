export { noteLengthMax, readSettlementNote, type SettlementNote, settlementNote } from "./settlement-note.ts";
export * from "./store.ts";
export * from "./transition.ts";
