import { askUpstream } from "./ask-upstream.ts";
import { allowKeyHeader } from "./cors.ts";
import { sendResponse } from "./gateway-response.ts";
import { type Passage, refusePlace } from "./pass-through.ts";
import { NoPlaceError } from "./places.ts";
import { noteFailure } from "./request-record.ts";
import { failureResponse } from "./upstream-failure.ts";

/** An answer to a preflight has no body worth more, bytes. */
const bytesMax = 65_536;

/**
 * Answers a preflight for a keyed route: as the service does, which decides what pages may do, with the header of keys, of
 * which the service knows nothing.
 */
export async function answerPreflight(passage: Passage, keyHeader: string, totalMs: number): Promise<void> {
  const { upstream, request, response, forwarded, notes, place } = passage;
  request.resume();
  const signal = AbortSignal.timeout(totalMs);
  const answer = await askUpstream(upstream, { ...forwarded, body: null }, { bytesMax, signal, place });
  if (answer.kind === "whole") return sendResponse(response, allowKeyHeader(answer.response, keyHeader), "service");
  if (answer.kind === "failed" && answer.error instanceof NoPlaceError) return refusePlace(passage, answer.error);
  const error = answer.kind === "failed" ? answer.error : new Error("The answer to a preflight is too large.");
  noteFailure(notes, error);
  sendResponse(response, failureResponse({ wasSent: true, ...answer, error }, upstream.absence(forwarded.target).ms));
}
