import type { Clock } from "../core/clock.ts";
import { checkNames, pickOptions, type OptionNames } from "../core/option-names.ts";
import { invalidOptionError, wholeFromOne } from "../core/options.ts";
import { type Random, systemRandom } from "../core/random.ts";
import { systemClock } from "../core/system-clock.ts";
import type { IntentFacts, IntentStore } from "../stores/intent-store.ts";
import { type Backoff, exponential } from "../retry/backoff.ts";
import { type FetchSettings, fetchSettings, type RetryingFetchOptions } from "../client/fetch-options.ts";

/** The headers that `fetch` takes. */
export type RequestHeaders = NonNullable<RequestInit["headers"]>;

/** The options of a retrying fetch for sending intents: those of `retryingFetch`. */
type SendingOptions = Pick<
  RetryingFetchOptions,
  | "attemptsMax"
  | "attemptTimeoutMs"
  | "backoff"
  | "budget"
  | "deadlineMs"
  | "fetch"
  | "keyFormat"
  | "keyHeader"
  | "keys"
  | "layers"
>;

/** How intents are stored and sent. */
export interface IntentsOptions extends SendingOptions {
  /**
   * Which servers honour keys, as in `retryingFetch`: name the origins that your intents go to. If an attempt may
   * have arrived, its intent is sent again only there. At any other server it ends as `unknown` (`why: "keys"`). What a
   * response said of its server is forgotten with the process, which counts most after a crash. `"off"` makes no difference: an
   * intent has a key.
   */
  readonly keys?: SendingOptions["keys"];
  /** The store of the intents: `sqliteIntents`, `postgresIntents`. It stays yours: `close()` does not close it. */
  readonly store: IntentStore;
  /**
   * Supplies the headers that must not be stored (credentials), anew for each attempt. If it throws, the attempt fails,
   * and nothing is sent.
   */
  readonly headersAtSend?: ((intent: IntentFacts) => RequestHeaders | Promise<RequestHeaders>) | undefined;
  /**
   * Names of more headers that hold secrets, beside those that one knows by their names: `Authorization`, `Cookie`,
   * `X-Api-Key`, `X-Auth-Token` and others like them. Default none.
   */
  readonly secretHeaders?: readonly string[] | undefined;
  /**
   * How long an intent is sent for, milliseconds since it was added: at least 1, default 23 hours. It has to be less
   * than the time for which the server remembers a key (24 hours in most APIs): after it, the same key would be carried
   * out once more.
   */
  readonly giveUpAfterMs?: number | undefined;
  /**
   * How long an intent waits when one sending of up to `attemptsMax` attempts got nowhere. Default exponential: 5, 10,
   * 20 s up to 5 minutes, with equal jitter.
   */
  readonly resumeBackoff?: Backoff | undefined;
  /**
   * How long a sender owns an intent without renewing its lease, milliseconds: a whole number of at least 100, default
   * 30,000. The intents of a process that died are claimed by another after that.
   */
  readonly leaseMs?: number | undefined;
  /** How many are sent at a time: 1 to 256, default 16. */
  readonly concurrency?: number | undefined;
  /**
   * How many of those may go to one origin: 1 to 256, default half of `concurrency`, at least 1. A server that hangs
   * keeps the others' intents waiting only when it may have every place.
   */
  readonly concurrencyPerOrigin?: number | undefined;
  /** How many may be pending or unknown at a time: a whole number of at least 1, default 10,000. */
  readonly openMax?: number | undefined;
  /** The largest body of a request, bytes: default 1 MiB. */
  readonly bodyBytesMax?: number | undefined;
  /** The most bytes of a response's body that are stored: default 1 MiB. A longer body is cut off, and marked. */
  readonly answerBytesMax?: number | undefined;
  /** How long an intent that is done or failed stays in the store, milliseconds: at least 0, default 7 days. */
  readonly retentionMs?: number | undefined;
  /** How often the store is asked whether something is due, milliseconds: at least 1, default 1000. */
  readonly pollMs?: number | undefined;
  /** How long the store may take for one operation, milliseconds: at least 1, default 10,000. */
  readonly storeMsMax?: number | undefined;
  /** Where time comes from; default the machine's clock. The store has its own. */
  readonly clock?: Clock | undefined;
  /** Where chance comes from; default the machine's. */
  readonly random?: Random | undefined;
}

/** The options, checked, with every default filled in. */
export interface IntentsSettings {
  readonly store: IntentStore;
  /** The settings that send all intents: one budget and one set of layers for each origin. */
  readonly sending: FetchSettings;
  readonly headersAtSend: NonNullable<IntentsOptions["headersAtSend"]>;
  /** In lower case. */
  readonly secretHeaders: ReadonlySet<string>;
  readonly giveUpAfterMs: number;
  readonly resumeBackoff: Backoff;
  readonly leaseMs: number;
  readonly concurrency: number;
  readonly concurrencyPerOrigin: number;
  readonly openMax: number;
  readonly bodyBytesMax: number;
  readonly answerBytesMax: number;
  readonly retentionMs: number;
  readonly pollMs: number;
  readonly storeMsMax: number;
  readonly clock: Clock;
  readonly random: Random;
}

const sendingNames: OptionNames<SendingOptions> = {
  attemptsMax: true,
  attemptTimeoutMs: true,
  backoff: true,
  budget: true,
  deadlineMs: true,
  fetch: true,
  keyFormat: true,
  keyHeader: true,
  keys: true,
  layers: true,
};

const wholeFromNone = { min: 0, integer: true };
const places = { min: 1, max: 256, integer: true };

const names: OptionNames<IntentsOptions> = {
  ...sendingNames,
  store: true,
  headersAtSend: "function",
  secretHeaders: true,
  giveUpAfterMs: wholeFromOne,
  resumeBackoff: "function",
  leaseMs: { min: 100, integer: true },
  concurrency: places,
  concurrencyPerOrigin: places,
  openMax: wholeFromOne,
  bodyBytesMax: wholeFromNone,
  answerBytesMax: wholeFromNone,
  retentionMs: wholeFromNone,
  pollMs: wholeFromOne,
  storeMsMax: wholeFromOne,
  clock: true,
  random: true,
};

const hourMs = 3_600_000;
const mebibyte = 1_048_576;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds. */
export function intentsSettings(options: IntentsOptions): IntentsSettings {
  // Checked now, rather than at the first intent that is sent.
  checkNames("openIntents", options, names);
  // A store of keys has no such method.
  if (typeof (options.store as Partial<IntentStore> | undefined)?.postpone !== "function") {
    throw invalidOptionError("store", "a store of intents, such as sqliteIntents()", typeof options.store);
  }
  const { clock = systemClock, random = systemRandom } = options;
  const sending = fetchSettings({ ...pickOptions<SendingOptions>(options, sendingNames), clock, random });
  const { concurrency = 16 } = options;
  return {
    store: options.store,
    sending,
    headersAtSend: options.headersAtSend ?? (() => ({})),
    secretHeaders: new Set((options.secretHeaders ?? []).map((name) => name.toLowerCase())),
    giveUpAfterMs: options.giveUpAfterMs ?? 23 * hourMs,
    resumeBackoff: options.resumeBackoff ?? exponential({ baseMs: 5000, capMs: 300_000 }),
    leaseMs: options.leaseMs ?? 30_000,
    concurrency,
    concurrencyPerOrigin: options.concurrencyPerOrigin ?? Math.max(1, Math.floor(concurrency / 2)),
    openMax: options.openMax ?? 10_000,
    bodyBytesMax: options.bodyBytesMax ?? mebibyte,
    answerBytesMax: options.answerBytesMax ?? mebibyte,
    retentionMs: options.retentionMs ?? 7 * 24 * hourMs,
    pollMs: options.pollMs ?? 1000,
    storeMsMax: options.storeMsMax ?? 10_000,
    clock,
    random,
  };
}
