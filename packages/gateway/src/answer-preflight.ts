import { askUpstream } from "./ask-upstream.ts";
import { allowKeyHeader } from "./cors.ts";
import { sendResponse } from "./gateway-response.ts";
import type { Passage } from "./pass-through.ts";
import { noteFailure } from "./request-record.ts";
import { failureResponse } from "./upstream-failure.ts";

/** An answer to a preflight has no body worth more, bytes. */
const bytesMax = 65_536;

/**
 * Answers a preflight for a keyed route: as the service does, which decides what pages may do, with the header of keys, of
 * which the service knows nothing.
 */
export async function answerPreflight(passage: Passage, keyHeader: string, totalMs: number): Promise<void> {
  const { upstream, request, response, forwarded, notes } = passage;
  request.resume();
  const signal = AbortSignal.timeout(totalMs);
  const answer = await askUpstream(upstream, { ...forwarded, body: null }, { bytesMax, signal });
  if (answer.kind === "whole") return sendResponse(response, allowKeyHeader(answer.response, keyHeader), "service");
  const error = answer.kind === "failed" ? answer.error : new Error("The answer to a preflight is too large.");
  noteFailure(notes, error);
  sendResponse(response, failureResponse({ wasSent: true, ...answer, error }));
}
