import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/listener.ts";
import { checkFunction, invalidOptionError, requireMethod } from "../core/options.ts";
import { isSeedKey } from "../key/seed-key.ts";
import type { Intent, IntentAnswer, IntentOutcome } from "../stores/intent-store.ts";
import type { IntentInput } from "./intent-input.ts";
import type { Intents } from "./intents.ts";
import { isReplayed } from "./retry-or-end.ts";
import { outcomeOf } from "./wait-for-outcome.ts";

/** The state of one mutation, for a form or a button. */
export type MutationState =
  /** The store has not said yet what an earlier life of this page left. */
  | { readonly state: "loading" }
  /** Nothing is under way. `error`: why the last try was refused, before anything of it was stored or sent. */
  | ({ readonly state: "idle"; readonly error?: unknown } & OpenMutation)
  | ({ readonly state: "pending" } & OpenMutation)
  /** It happened, and this is the server's answer. */
  | ({ readonly state: "done"; readonly answer: IntentAnswer } & EndedMutation)
  /**
   * It did not happen, and will not. The next `mutate` is a new try, with a new key; with a seed, with the same key until the server
   * has said that this one had no effect.
   */
  | ({ readonly state: "failed"; readonly why: string; readonly answer?: IntentAnswer } & EndedMutation)
  /**
   * It may have happened. With an `intent`, it is never tried anew before a person has settled that. Without one (`why: "lost"`), the
   * store has lost it or does not answer, and `error` says more: the next `mutate` asks the server again, with the same key.
   */
  | ({
      readonly state: "unknown";
      readonly why: string;
      readonly answer?: IntentAnswer;
      readonly error?: unknown;
    } & EndedMutation);

/** Where what is asked for is stored. `"memory"`: it ends with this page, so the page has to stay open. */
interface OpenMutation {
  readonly durability: "disk" | "memory";
}

/** The intent that has ended; `undefined` where the store does not have it any more. */
interface EndedMutation {
  readonly intent: Intent | undefined;
}

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
  requireMethod("intents", "what openIntents() gives", intents, "submit");
  if (typeof id !== "string" || id === "" || id.length > idLengthMax)
    throw invalidOptionError("id", `a text of 1 to ${idLengthMax} characters`, id);
  const listeners = new Set<() => void>();
  let state: MutationState = { state: "loading" };
  let running: Promise<IntentOutcome> | undefined;
  let isLooking = false;
  let isAsked = false;
  /** Whether a submitted request may have had its effect, and the store has no word of it. */
  let isInDoubt = false;

  const show = (next: MutationState): void => {
    state = next;
    for (const listener of listeners) notify(listener, undefined);
  };
  /** Submits one try, and shows how it ends. */
  const submit = async (number: number, request: IntentInput): Promise<IntentOutcome> => {
    const tryId = tryName(id, number);
    noteTry(intents, id, number);
    show({ state: "pending", durability: intents.durability() });
    const outcome = await intents.submit(tryId, request).catch((error: unknown) => {
      isInDoubt ||= mayBeUnderWay(error);
      throw error;
    });
    isInDoubt = false;
    show(await shownEnd(intents, tryId, outcome));
    return outcome;
  };
  const run = (work: () => Promise<IntentOutcome>): Promise<IntentOutcome> => {
    isAsked = true;
    running ??= work()
      .catch((error: unknown) => {
        show(isInDoubt ? { state: "unknown", why: "lost", intent: undefined, error } : idleState(intents, error));
        throw error;
      })
      .finally(() => (running = undefined));
    return running;
  };
  /** Shows what an earlier life of this page left, or another tab, and goes on with it. */
  const look = async (): Promise<void> => {
    const { number, intent } = await lastTry(intents, id);
    // A click came first, and has a later look into the store.
    if (isAsked) return;
    if (intent === undefined) show(idleState(intents));
    else if (intent.state !== "pending") show(endedState(intent));
    else await run(() => submit(number, storedRequest(intent)));
  };
  return {
    current: () => state,
    subscribe(listener) {
      const own = (): void => listener();
      listeners.add(own);
      if (!isLooking) {
        isLooking = true;
        look().catch((error: unknown) => {
          // `run` has shown its own.
          if (!isAsked) show(idleState(intents, error));
        });
      }
      return () => void listeners.delete(own);
    },
    mutate: (request) =>
      run(async () => {
        const input = typeof request === "function" ? request() : request;
        const { number, intent } = await lastTry(intents, id);
        if (intent !== undefined) isInDoubt = false;
        if (intent?.state === "done" || intent?.state === "unknown") {
          show(endedState(intent));
          return outcomeOf(intent);
        }
        const isFailed = intent?.state === "failed";
        return submit(isFailed ? await numberAfter(intents, intent, number) : number, input);
      }),
  };
}

/** The latest try of each id that had more than one here. Without its records, an empty store would begin with the first again. */
const latestTries = new WeakMap<Intents, Map<string, number>>();
/** How many are remembered. The one that was noted first gives way. */
const latestTriesMax = 1000;

function noteTry(intents: Intents, id: string, number: number): void {
  if (number === 1) return;
  const tries = latestTries.get(intents) ?? new Map<string, number>();
  latestTries.set(intents, tries);
  tries.delete(id);
  tries.set(id, number);
  if (tries.size > latestTriesMax) tries.delete(tries.keys().next().value!);
}

type FailedIntent = Intent & Extract<IntentOutcome, { state: "failed" }>;

/**
 * The number of the next try after a failure. A key of a seed may have been used before the data were cleared, or on another device. So its
 * number goes on only when its server, or a person, has said that it had no effect.
 */
async function numberAfter(intents: Intents, failed: FailedIntent, number: number): Promise<number> {
  const isProven = failed.why === "settled" || ("answer" in failed && isReplayed(failed.answer));
  if (isProven || !isSeedKey(failed.key)) return number + 1;
  // As good as new: the same name has the same key.
  await intents.forget(failed.id);
  return number;
}

/** Whether a request that was submitted may have been stored, and so may be sent. */
function mayBeUnderWay(error: unknown): boolean {
  if (!OnceAgainError.isInstance(error)) return false;
  const { code, details } = error;
  return code === "ONCE_OUTCOME_UNKNOWN" || code === "ONCE_CLOSED" || details["mayBeStored"] === true;
}

/** The latest try, which is the one that has not failed. */
async function lastTry(intents: Intents, id: string): Promise<{ number: number; intent: Intent | undefined }> {
  const found = await lastStoredTry(intents, id);
  const submitted = latestTries.get(intents)?.get(id) ?? 1;
  return found.number >= submitted ? found : { number: submitted, intent: undefined };
}

async function lastStoredTry(intents: Intents, id: string): Promise<{ number: number; intent: Intent | undefined }> {
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

function idleState(intents: Intents, error?: unknown): MutationState {
  return { state: "idle", durability: intents.durability(), ...(error !== undefined && { error }) };
}

/** The outcome is certain, whether or not the store can still say more about it. */
async function shownEnd(intents: Intents, tryId: string, outcome: IntentOutcome): Promise<MutationState> {
  const intent = await intents.inspect(tryId).catch(() => undefined);
  if (intent !== undefined && intent.state !== "pending") return endedState(intent);
  return { ...outcome, intent: undefined };
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
  requireMethod("intents", "what openIntents() gives", intents, "submit");
  if (typeof options !== "object" || options === null)
    throw invalidOptionError("options", "an object such as { request, id }", options);
  for (const name of ["request", "id"] as const) {
    if (typeof options[name] !== "function") throw invalidOptionError(name, "a function", options[name]);
  }
  const toError = checkFunction("toError", options.toError) ?? outcomeError;
  return async (params) => {
    const id = options.id(params);
    const outcome = await intents.submit(id, await options.request(params));
    if (outcome.state === "done") return outcome.answer;
    throw await toError(outcome, params);
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
