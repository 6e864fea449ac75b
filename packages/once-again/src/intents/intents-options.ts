import type { Clock } from "../core/clock.ts";
import { checkNames, pickOptions, type OptionNames } from "../core/option-names.ts";
import { invalidOptionError, wholeFromOne } from "../core/options.ts";
import { type Random, systemRandom } from "../core/random.ts";
import { systemClock } from "../core/system-clock.ts";
import type { IntentFacts, IntentStore } from "../stores/intent-store.ts";
import { type Backoff, exponential } from "../retry/backoff.ts";
import { fetchSettings, type RetryingFetchOptions } from "../client/fetch-options.ts";

/** The headers that `fetch` takes. */
export type RequestHeaders = NonNullable<RequestInit["headers"]>;

const sendingNames = {
  attemptsMax: true,
  attemptTimeoutMs: true,
  backoff: true,
  budget: true,
  timeoutMs: true,
  fetch: true,
  keyFormat: true,
  keyHeader: true,
  keys: true,
  layers: true,
  trustRedirects: true,
} as const satisfies Partial<OptionNames<RetryingFetchOptions>>;

/** The options of a retrying fetch for sending intents: those of `retryingFetch`. */
type SendingOptions = Pick<RetryingFetchOptions, keyof typeof sendingNames>;

/** How intents are stored and sent. */
export interface IntentsOptions extends SendingOptions {
  /**
   * Which servers honour keys, as in `retryingFetch`: name the origins that your intents go to. If an attempt may
   * have arrived, its intent is sent again only there. At any other server it ends as `unknown` (`why: "keys"`). What a
   * response said of its server is forgotten with the process, which counts most after a crash. `"off"` makes no difference: an
   * intent has a key.
   */
  readonly keys?: SendingOptions["keys"];
  /**
   * Which successes after a redirect are the intent's own: `true` for all, or a function of the URL that the response comes
   * from. Default `false`: by the rule of `retryingFetch`. Another request's response ends nothing: at a server that honours
   * keys the intent is postponed and sent again, with the headers of that moment, and elsewhere it is `unknown`.
   */
  readonly trustRedirects?: SendingOptions["trustRedirects"];
  /**
   * A secret that the server gives to one account or session: at least 16 bytes, as bytes or as a text. With it the key of an
   * intent is derived from its origin, method and id, so that cleared site data, another device and a form find it again.
   * Default none: keys are drawn at random. Name the servers in `keys`, and have their routes name the caller (`scope`): a
   * derived key is refused where all callers share their keys. One that the store has already keeps its key.
   */
  readonly seed?: string | Uint8Array | undefined;
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
export type IntentsSettings = ReturnType<typeof intentsSettings>;

const wholeFromNone = { min: 0, integer: true };
const places = { min: 1, max: 256, integer: true };

const names: OptionNames<IntentsOptions> = {
  ...sendingNames,
  seed: true,
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

/** The fewest bytes of a seed: 128 random bits can't be guessed. */
const seedBytesMin = 16;

/** @throws OnceAgainError `ONCE_OPTION_INVALID`; never with the seed in it. */
function checkSeed(seed: string | Uint8Array | undefined): Uint8Array<ArrayBuffer> | undefined {
  if (seed === undefined) return undefined;
  const bytes = typeof seed === "string" ? new TextEncoder().encode(seed) : seed;
  if (bytes instanceof Uint8Array && bytes.length >= seedBytesMin) return Uint8Array.from(bytes);
  const given = bytes instanceof Uint8Array ? `${bytes.length} bytes` : typeof seed;
  throw invalidOptionError("seed", `a secret of at least ${seedBytesMin} bytes, as a text or a Uint8Array`, given);
}

const hourMs = 3_600_000;
const mebibyte = 1_048_576;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds. */
export function intentsSettings(options: IntentsOptions) {
  // Checked now, rather than at the first intent that is sent.
  checkNames("openIntents", options, names);
  // A store of keys has no such method.
  if (typeof (options.store as Partial<IntentStore> | undefined)?.postpone !== "function") {
    throw invalidOptionError("store", "a store of intents, such as sqliteIntents()", typeof options.store);
  }
  const { clock = systemClock, random = systemRandom } = options;
  const sending = fetchSettings({ ...pickOptions<SendingOptions>(options, sendingNames), clock, random });
  const { concurrency = 16 } = options;
  return Object.freeze({
    store: options.store,
    seed: checkSeed(options.seed),
    /** The settings that send all intents: one budget and one set of layers for each origin. */
    sending,
    headersAtSend: options.headersAtSend ?? ((): RequestHeaders => ({})),
    /** In lower case. */
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
  });
}
