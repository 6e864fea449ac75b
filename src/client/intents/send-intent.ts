import type { Listener } from "../../core/events.ts";
import { formatKey } from "../../key/index.ts";
import type { RetryBudget } from "../../retry/index.ts";
import type { ClaimedIntent, IntentAnswer } from "../../stores/intent-store.ts";
import type { FetchEvent } from "../fetch-event.ts";
import { retryingFetch } from "../retrying-fetch.ts";
import type { IntentsSettings } from "./intents-options.ts";
import { answerHeaders, readAnswer } from "./kept-answer.ts";
import { hadNoEffect, type SendingEnd } from "./settlement.ts";

/** What a sending has of its surroundings. */
export interface Sending {
  readonly settings: IntentsSettings;
  readonly budget: RetryBudget | "off";
  /** Aborts when the intent is not ours any more, or when we are to stop. */
  readonly signal: AbortSignal;
  readonly onEvent: Listener<FetchEvent>;
}

/**
 * Sends an intent through `retryingFetch`: always the same key and bytes. The answer's body belongs to the attempt: one
 * that breaks off is asked for again, and a repeat of the key brings it. Never rejects.
 *
 * @returns how it ended; `inDoubt`, whether an attempt may have had the effect, now or earlier.
 */
export async function sendIntent(
  intent: ClaimedIntent,
  { settings, budget, signal, onEvent }: Sending,
): Promise<SendingEnd & { readonly inDoubt: boolean }> {
  const { clock, keyHeader } = settings;
  const { method, url, headers, body } = intent.request;
  const key = formatKey(intent.key, settings.keyFormat);
  /** The answer to the last attempt; `undefined` when it had none. */
  let answer: IntentAnswer | undefined;
  let attempts = 0;
  /** How many attempts began and did not prove to be without effect. */
  let doubtful = intent.inDoubt ? 1 : 0;

  const attempt = async (init: RequestInit = {}): Promise<Response> => {
    answer = undefined;
    attempts += 1;
    const number = attempts;
    const sent = new Headers(init.headers);
    new Headers(await settings.headersAtSend(intent)).forEach((value, name) => sent.set(name, value));
    sent.set(keyHeader, key);
    init.signal?.throwIfAborted();
    doubtful += 1;
    const end = await endOf(settings.fetch(url, { ...init, headers: sent }), settings.answerBytesMax);
    if (hadNoEffect(end, clock.now())) doubtful -= 1;
    if ("error" in end) throw end.error;
    // One that was cut may end late.
    if (number === attempts) ({ answer } = end);
    // `retryingFetch` looks at the status and the headers.
    return new Response(null, { status: end.answer.status, headers: answerHeaders(end.answer) });
  };
  const end = async (): Promise<SendingEnd> => {
    try {
      const fetch = retryingFetch({
        ...settings.sending,
        fetch: (_url, init) => attempt(init),
        budget,
        deadlineMs: Math.max(1, Math.min(settings.deadlineMs, intent.msLeft)),
        clock,
        random: settings.random,
        onEvent,
      });
      const kept = headers.map(([name, value]): [string, string] => [name, value]);
      const bytes = body === undefined ? undefined : { body: Uint8Array.from(body) };
      await fetch(url, { method, headers: [...kept, [keyHeader, key]], ...bytes, signal });
      return { answer: answer! };
    } catch (error) {
      // It rejects for a refusal that may have come from who never looked for the key; we want to see that refusal.
      return answer === undefined || signal.aborted ? { error } : { answer };
    }
  };
  return { ...(await end()), inDoubt: doubtful > 0 };
}

/** How one attempt ended. */
async function endOf(responding: Promise<Response>, bytesMax: number): Promise<SendingEnd> {
  try {
    return { answer: await readAnswer(await responding, bytesMax) };
  } catch (error) {
    return { error };
  }
}
