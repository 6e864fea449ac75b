import type { InspectedRecord } from "once-again/stores";
import { type OperationDetails, readDetails, sealKeyId } from "once-again/internal";
import type { KeySummary } from "./key-document.ts";

/** The details of an operation, or the id of the key with which they are sealed; `undefined`: none are stored. */
export type DetailsView = OperationDetails | { readonly sealedWith: string } | undefined;

/** The details of a record as they are stored. */
export function readStoredDetails({ details }: InspectedRecord["record"]): DetailsView {
  if (details === undefined) return undefined;
  const sealedWith = sealKeyId(details);
  return sealedWith === undefined ? readDetails(details) : { sealedWith };
}

const none = { label: null, route: null, worker: null, traceId: null, reason: null, sealedWith: null };

/** The details as JSON. */
export function detailsJson(details: DetailsView): KeySummary["details"] {
  if (details === undefined) return null;
  if ("sealedWith" in details) return { ...none, ...details };
  const { label = null, route = null, worker = null, traceId = null, reason = null } = details;
  return { ...none, label, route, worker, traceId, reason };
}

/** Why a key is held, in a word and in a sentence; `undefined` where it is not held. */
export function heldReason(
  { state }: Pick<InspectedRecord, "state">,
  details: DetailsView,
): { readonly word: string; readonly sentence: string } | undefined {
  if (state !== "abandoned") return undefined;
  if (details === undefined) return { word: "-", sentence: "Its route stores no details (onUnknown.details)." };
  if ("sealedWith" in details) return { word: "sealed", sentence: `Sealed with the key "${details.sealedWith}".` };
  return reasons[details.reason ?? "crash"];
}

const reasons = {
  crash: {
    word: "crash",
    sentence: "Its process ended, or lost touch with the store: its lease ended without a result.",
  },
  "time-out": { word: "time-out", sentence: "Its handler took longer than limits.handlerMsMax." },
  threw: { word: "threw", sentence: "Its handler threw an error, which is in the server's log." },
  failed: { word: "5xx", sentence: "Its handler responded with 500 or above." },
  held: { word: "handler", sentence: "Its handler itself said that it can't know." },
} as const;
