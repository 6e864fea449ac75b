import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/listener.ts";
import { checkFunction, invalidOptionError } from "../core/options.ts";
import type { Intent, IntentAnswer, IntentOutcome } from "../stores/intent-store.ts";
import type { IntentInput } from "./intent-input.ts";
import type { Intents } from "./intents.ts";
import { outcomeOf } from "./wait-for-outcome.ts";

/** The state of one mutation, for a form or a button. */
export type MutationState =
  /** The store has not said yet what an earlier life of this page left. */
  | { readonly state: "loading" }
  /**
   * Nothing is known to be under way. `error`: why the end of the last try is not known here. It was refused before anything was stored,
   * or, by its code, the store did not answer or was closed: the next `mutate` looks into the store, and joins what is there.
   */
  | { readonly state: "idle"; readonly error?: unknown }
  | { readonly state: "pending" }
  /** It happened, and this is the server's answer. */
  | { readonly state: "done"; readonly intent: Intent; readonly answer: IntentAnswer }
  /** It did not happen, and will not. The next `mutate` is a new try with a new key. */
  | { readonly state: "failed"; readonly intent: Intent; readonly why: string; readonly answer?: IntentAnswer }
  /** It may have happened. It is never tried anew before a person has settled the intent. */
  | { readonly state: "unknown"; readonly intent: Intent; readonly why: string; readonly answer?: IntentAnswer };

/** One thing that a user may want once, whatever becomes of the page. */
export interface OnceMutation {
  /** Its state now: the same object until that changes. */
  readonly current: () => MutationState;
  /** Calls `listener` at each change, from the first look into the store on. Returns a function that ends that. */
  readonly subscribe: (listener: () => void) => () => void;
  /**
   * Sends the request, unless this is under way, done or unknown: then it joins that. After a failure it is a new try, which
   * tabs share: two that try again at once send one request.
   *
   * @param request the request, or a function that makes it at once.
   * @throws what `submit` and that function throw; the state has it, too.
   */
  readonly mutate: (request: IntentInput | (() => IntentInput)) => Promise<IntentOutcome>;
}

/** The id of an intent has up to 255 characters, and that of a later try ends in its number. */
const idLengthMax = 240;
/** The tries of a mutation that are looked at in one call of the store. */
const pageSize = 10;

/**
 * One thing that a user may want once: the intent of this id, and its three endings. Its id changes only when a try has
 * failed, which proves that nothing happened: `pay 42`, then `pay 42#try2`. For user interfaces; `once-again/react` has it as a hook.
 *
 * @param id your own name for what the user wants: up to 240 characters.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 * @example
 * ```ts
 * const intents = openIntents({ store: indexeddbIntents() });
 * const pay = onceMutation(intents, "pay 42");
 * pay.subscribe(() => console.log(pay.current().state));
 * await pay.mutate({ url: "https://shop.example/payments", body: "{}" });
 * ```
 */
export function onceMutation(intents: Intents, id: string): OnceMutation {
  if (typeof id !== "string" || id === "" || id.length > idLengthMax)
    throw invalidOptionError("id", `a text of 1 to ${idLengthMax} characters`, id);
  const listeners = new Set<() => void>();
  let state: MutationState = { state: "loading" };
  let running: Promise<IntentOutcome> | undefined;
  let isLooking = false;
  let isAsked = false;

  const show = (next: MutationState): void => {
    state = next;
    for (const listener of listeners) notify(listener, undefined);
  };
  const showEnd = async (tryId: string): Promise<void> => {
    const intent = await intents.inspect(tryId);
    // One that was forgotten at once is as good as new; one that a person sent again goes on, and the next `mutate` joins it.
    show(intent === undefined || intent.state === "pending" ? { state: "idle" } : endedState(intent));
  };
  /** Submits one try, and shows how it ends. */
  const submit = async (tryId: string, request: IntentInput): Promise<IntentOutcome> => {
    show({ state: "pending" });
    const outcome = await intents.submit(tryId, request);
    // The outcome is certain, whether or not the store can still say more about it.
    await showEnd(tryId).catch((error: unknown) => show({ state: "idle", error }));
    return outcome;
  };
  const run = (work: () => Promise<IntentOutcome>): Promise<IntentOutcome> => {
    isAsked = true;
    running ??= work()
      .catch((error: unknown) => {
        show({ state: "idle", error });
        throw error;
      })
      .finally(() => (running = undefined));
    return running;
  };
  /** Shows what an earlier life of this page left, or another tab, and goes on with it. */
  const look = async (): Promise<void> => {
    const { intent } = await lastTry(intents, id);
    // A click came first, and has a later look into the store.
    if (isAsked) return;
    if (intent === undefined) show({ state: "idle" });
    else if (intent.state !== "pending") show(endedState(intent));
    else await run(() => submit(intent.id, storedRequest(intent)));
  };
  return {
    current: () => state,
    subscribe(listener) {
      const own = (): void => listener();
      listeners.add(own);
      if (!isLooking) {
        isLooking = true;
        look().catch((error: unknown) => show({ state: "idle", error }));
      }
      return () => void listeners.delete(own);
    },
    mutate: (request) =>
      run(async () => {
        const input = typeof request === "function" ? request() : request;
        const { number, intent } = await lastTry(intents, id);
        if (intent?.state === "done" || intent?.state === "unknown") {
          show(endedState(intent));
          return outcomeOf(intent);
        }
        const isFailed = intent?.state === "failed";
        return submit(tryName(id, isFailed ? number + 1 : number), input);
      }),
  };
}

/** The latest try, which is the one that has not failed. */
async function lastTry(intents: Intents, id: string): Promise<{ number: number; intent: Intent | undefined }> {
  let last = { number: 1, intent: await intents.inspect(id) };
  const prefix = tryName(id, "");
  for (let after = prefix; ;) {
    const page = await intents.list({ after, limit: pageSize });
    const tries = page.filter((intent) => intent.id.startsWith(prefix));
    for (const intent of tries) {
      const number = Number(intent.id.slice(prefix.length));
      if (number > last.number) last = { number, intent };
    }
    if (tries.length < pageSize) return last;
    after = tries.at(-1)!.id;
  }
}

function tryName(id: string, number: number | ""): string {
  return number === 1 ? id : `${id}#try${number}`;
}

function endedState(intent: Intent & IntentOutcome): MutationState {
  const { state: _state, ...facts } = outcomeOf(intent);
  return { state: intent.state, intent, ...facts } as MutationState;
}

/** The request of a try, as it was submitted: with it one joins what is there. */
function storedRequest({ request: { method, url, headers, body } }: Intent): IntentInput {
  return {
    method,
    url,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    body: body && Uint8Array.from(body),
  };
}

/** How `onceMutationFn` makes intents of calls. */
export interface OnceMutationFnOptions<Params> {
  /** The request of a call: the same bytes for the same id. */
  readonly request: (params: Params) => IntentInput | Promise<IntentInput>;
  /** The id of a call: the same for the same intention. */
  readonly id: (params: Params) => string;
  /** Makes the error of an intent that failed or is unknown; default `ONCE_NO_EFFECT` and `ONCE_OUTCOME_UNKNOWN`. */
  readonly toError?: ((outcome: IntentOutcome, params: Params) => unknown) | undefined;
}

/**
 * A function for libraries that want one to send a mutation: it resolves with the server's answer, and rejects otherwise. What
 * such a library repeats joins the intent that is there, and sends nothing twice.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`. The function rejects with what `submit` throws, and with `toError`'s error.
 * @example
 * ```ts
 * const intents = openIntents({ store: indexeddbIntents() });
 * const pay = onceMutationFn(intents, {
 *   id: (order: { id: string }) => `pay ${order.id}`,
 *   request: (order) => ({ url: "https://shop.example/payments", body: JSON.stringify(order) }),
 * });
 * ```
 */
export function onceMutationFn<Params>(
  intents: Intents,
  options: OnceMutationFnOptions<Params>,
): (params: Params) => Promise<IntentAnswer> {
  for (const name of ["request", "id"] as const) {
    if (typeof options[name] !== "function") throw invalidOptionError(name, "a function", options[name]);
  }
  const toError = checkFunction("toError", options.toError) ?? outcomeError;
  return async (params) => {
    const id = options.id(params);
    const outcome = await intents.submit(id, await options.request(params));
    if (outcome.state === "done") return outcome.answer;
    throw toError(outcome, params);
  };
}

function outcomeError(outcome: IntentOutcome): OnceAgainError {
  const details = {
    why: "why" in outcome ? outcome.why : undefined,
    status: "answer" in outcome ? outcome.answer.status : undefined,
  };
  if (outcome.state === "unknown") {
    const message = "It may have had its effect, and is not sent again. Look it up, then settle the intent.";
    return new OnceAgainError("ONCE_OUTCOME_UNKNOWN", message, { details });
  }
  return new OnceAgainError("ONCE_NO_EFFECT", "It had no effect, and will have none.", { details });
}
