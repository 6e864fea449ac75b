import type { Listener } from "../core/listener.ts";
import { formatKey } from "../key/index.ts";
import type { ClaimedIntent } from "../stores/intent-store.ts";
import type { FetchEvent, FetchSettings } from "../client/fetch-options.ts";
import { discardBody } from "../client/read-stream.ts";
import { isForeignResponse, readRedirect } from "../client/foreign-response.ts";
import { followRedirects, type Hop } from "../client/follow-redirects.ts";
import { outcomeUnknownError } from "../client/call-state.ts";
import type { Repeats } from "../client/repeats.ts";
import { sendWithRetries } from "../client/send-with-retries.ts";
import { prepareRequest } from "../client/prepare-request.ts";
import type { IntentsSettings } from "./intents-options.ts";
import { responseHeaders, readResponse } from "./stored-response.ts";
import { type FinalAnswer, hadNoEffect, type SendingEnd, type SentIntent } from "./retry-or-end.ts";

/** The dependencies of a sending, beside the intent. */
export interface Sending {
  readonly settings: IntentsSettings;
  /** Aborts when the intent is not ours any more, or when we are to stop. */
  readonly signal: AbortSignal;
  /** Called just before an attempt is sent; it may abort the signal. */
  readonly beforeAttempt: () => void;
  readonly onEvent: Listener<FetchEvent>;
}

/**
 * Sends an intent as `retryingFetch` does: always the same key and bytes. The response's body belongs to the attempt: one that
 * breaks off is asked for again, and a repeat of the key brings it. An intent in doubt that may not be sent again is not
 * sent. Never rejects.
 */
export async function sendIntent(intent: ClaimedIntent, parts: Sending): Promise<SentIntent> {
  const { settings, signal, onEvent } = parts;
  const { clock } = settings;
  const { fetch: sendOnce, keyFormat, keyHeader, policy } = settings.sending;
  const { method, url, headers, body } = intent.request;
  const key = formatKey(intent.key, keyFormat);
  let repeats: Repeats | undefined;
  const answers = new WeakMap<Response, FinalAnswer>();
  /** The answer to the last attempt; `undefined` when it had none. */
  let last: FinalAnswer | undefined;
  let attempts = 0;
  /** How many attempts began and did not prove to be without effect. */
  let doubtful = intent.inDoubt ? 1 : 0;

  const attempt = async (init: RequestInit = {}): Promise<Response> => {
    last = undefined;
    attempts += 1;
    const number = attempts;
    const sentHeaders = new Headers(init.headers);
    const secrets = new Headers(await settings.headersAtSend(intent));
    secrets.forEach((value, name) => sentHeaders.set(name, value));
    sentHeaders.set(keyHeader, key);
    parts.beforeAttempt();
    init.signal?.throwIfAborted();
    doubtful += 1;
    // Followed here, so that the headers of this attempt are left out where `fetch` leaves them out.
    const send = async ({ headers, method, url: to, hasBody }: Hop): Promise<Response> =>
      sendOnce(to.href, { ...init, method, headers, ...(hasBody ? undefined : { body: null }) });
    const followHop = async (hop: Hop): Promise<Response> => {
      repeats?.enter(hop.method, hop.url, sentHeaders);
      return send(hop);
    };
    const first: Hop = {
      url: new URL(url),
      method,
      headers: sentHeaders,
      hasBody: true,
      secrets: new Set(secrets.keys()),
    };
    const discard = (response: Response): Promise<void> => discardBody(response, clock);
    const responding = send(first).then((response) => followRedirects(response, first, followHop, discard));
    const end = await endOf(responding, first, settings);
    if (hadNoEffect(end, clock.now())) doubtful -= 1;
    if ("error" in end) throw end.error;
    // One that was cut may end late.
    if (number === attempts) last = end;
    const response = judgedResponse(end);
    answers.set(response, end);
    return response;
  };
  const end = async (): Promise<SendingEnd> => {
    try {
      const timeoutMs = Math.max(1, Math.min(policy.timeoutMs, intent.msLeft));
      const sending: FetchSettings = {
        ...settings.sending,
        fetch: (_url, init) => attempt(init),
        policy: { ...policy, timeoutMs },
        // Judged already, by the response itself.
        trustsRedirect: () => true,
        onEvent,
      };
      const storedHeaders = headers.map(([name, value]): [string, string] => [name, value]);
      const bytes = body === undefined ? undefined : { body: Uint8Array.from(body) };
      const init = { method, headers: [...storedHeaders, [keyHeader, key] as [string, string]], ...bytes, signal };
      const request = await prepareRequest(url, init, sending);
      repeats = request.repeats;
      if (intent.inDoubt && !repeats.areSafe) {
        return { error: outcomeUnknownError({ attempts, key, status: undefined }, undefined, repeats.unknownOrigin) };
      }
      return answers.get(await sendWithRetries(request, sending))!;
    } catch (error) {
      // It also rejects for a refusal by a server that may never have looked the key up. That refusal is returned.
      return last === undefined || signal.aborted ? { error } : last;
    }
  };
  return { ...(await end()), inDoubt: doubtful > 0, isRepeatable: repeats?.areSafe !== false };
}

/** How one attempt ended. */
async function endOf(
  responding: Promise<Response>,
  { method, url, headers }: Hop,
  { answerBytesMax, sending }: IntentsSettings,
): Promise<SendingEnd> {
  try {
    const response = await responding;
    const isForeign = isForeignResponse(response, { method, origin: url.origin, headers }, sending.trustsRedirect);
    const isLasting = readRedirect(response)?.isReplay === true;
    return {
      answer: await readResponse(response, answerBytesMax),
      redirected: response.redirected,
      isForeign,
      isLasting,
    };
  } catch (error) {
    return { error };
  }
}

/**
 * The parts that `retryingFetch` reads: the status, the headers, and whether a redirect led to another request's response. A
 * Response has no status over 599; those count as a 5xx.
 */
function judgedResponse({ answer, redirected }: FinalAnswer): Response {
  const response = new Response(null, { status: Math.min(answer.status, 599), headers: responseHeaders(answer) });
  return redirected ? Object.defineProperty(response, "redirected", { value: true }) : response;
}
