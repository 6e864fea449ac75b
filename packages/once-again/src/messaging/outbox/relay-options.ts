import type { Clock } from "../../core/clock.ts";
import { logError } from "../../core/error-log.ts";
import { type ErrorListener, type ErrorSubject, type Listener, notify } from "../../core/listener.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkChoice, checkFunction, checkNumber, invalidOptionError } from "../../core/options.ts";
import { type Random, systemRandom } from "../../core/random.ts";
import { systemClock } from "../../core/system-clock.ts";
import { hasMethod } from "../../core/duck-typing.ts";
import { type Backoff, exponentialBackoff } from "../../retry/index.ts";
import { steadyBackoff } from "../../retry/steady-backoff.ts";
import type { OutboxMessage, RelaySource } from "../../stores/outbox-store.ts";
import type { Publish } from "./publish.ts";
import type { RelayEvent } from "./relay-event.ts";

/** How a relay publishes. */
export interface RelayOptions {
  /** Where the messages are: `postgresOutbox` and its like. It stays yours: `close()` does not close it. */
  readonly outbox: RelaySource;
  /** Hands one message to the broker: `publishToRabbitmq` and its like, or a function of yours. */
  readonly publish: Publish;
  /**
   * The place that a message goes to: a queue, a topic, a server. Each place is waited out by itself: one that is away, forbidden or
   * silent holds up no message of another. Default what the publisher says; of a function of yours, the message's topic.
   */
  readonly place?: ((message: OutboxMessage) => string) | undefined;
  /**
   * How often the broker may refuse a message before it is parked: a whole number of at least 1, default 10, which is
   * after about 30 minutes. A place that can't be reached refuses nothing.
   */
  readonly refusalsMax?: number | undefined;
  /**
   * The effect of a parked message on those after it of its ordering key: `"block"` (default), they wait until a person has
   * decided; `"pass"`, they go on without it.
   */
  readonly parked?: "block" | "pass" | undefined;
  /**
   * How long a refused message waits. Default exponential: 5, 10, 20 s up to 5 minutes, with equal jitter. One that throws, or
   * answers with no number of at least 0, is a `fault` for `onEvent`, and the default decides.
   */
  readonly backoff?: Backoff | undefined;
  /**
   * How long a place is handed nothing when it can't be reached or does not confirm. Default exponential: 0.5, 1, 2 s up to 30 s, with equal jitter. One that
   * fails is treated as that of `backoff`.
   */
  readonly pauseBackoff?: Backoff | undefined;
  /** How long the broker may take for one message, milliseconds: at least 1, default 10,000. */
  readonly publishMsMax?: number | undefined;
  /**
   * How long the relay has its messages, milliseconds: a whole number of at least twice `publishMsMax`, default 30,000.
   * Those of a relay that died are published by another after that. One that outlives its lease causes repeats, and never
   * changes the order in which a key's messages come for the first time.
   */
  readonly leaseMs?: number | undefined;
  /**
   * How many messages may be with one place at a time: 1 to 1000, default 64; with all places together, twice as many. A place that
   * has not confirmed its last message gets one. Those of one ordering key go one by one. A claim takes up to twice as many from
   * the outbox, and a relay has up to four times as many.
   */
  readonly concurrency?: number | undefined;
  /** How many messages of one ordering key are claimed at a time: 1 to 1000, default 16. */
  readonly messagesPerKey?: number | undefined;
  /** How often the outbox is asked where nothing wakes the relay, milliseconds: at least 1, default 1000. */
  readonly pollMs?: number | undefined;
  /** Called with each event. An error that it throws is ignored. */
  readonly onEvent?: Listener<RelayEvent> | undefined;
  /**
   * Gets the errors that an operator must know of, each with its event, message and place: of a place that can't be reached, of a
   * message that was refused or parked, of the database, and of a function among these options; default one line each by
   * `console.error`, counted when they repeat.
   */
  readonly onError?: ErrorListener | undefined;
  /** Where time comes from; default the machine's clock. The outbox has its own. */
  readonly clock?: Clock | undefined;
  /** Where chance comes from; default the machine's. */
  readonly random?: Random | undefined;
}

/** The options, checked, with every default filled in. */
export type RelaySettings = ReturnType<typeof relaySettings>;

const names: OptionNames<RelayOptions> = {
  outbox: true,
  publish: true,
  place: true,
  refusalsMax: true,
  parked: true,
  backoff: true,
  pauseBackoff: true,
  publishMsMax: true,
  leaseMs: true,
  concurrency: true,
  messagesPerKey: true,
  pollMs: true,
  onEvent: true,
  onError: true,
  clock: true,
  random: true,
};

type Delays = { readonly [Name in "delayMs" | "pauseMs"]?: number };

/** The message and the place of an event, for the listener of its error and the log. */
function subjectOf({ type, ...event }: RelayEvent): ErrorSubject {
  const { id, topic, place, refusals, delayMs, pauseMs } = event as Partial<Record<string, string>> & Delays;
  const whole = (ms: number | undefined) => (ms === undefined ? undefined : Math.round(ms));
  return { room: "relay", event: type, id, topic, place, refusals, delayMs: whole(delayMs), pauseMs: whole(pauseMs) };
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds. */
export function relaySettings(options: RelayOptions) {
  checkNames("openRelay", options, names);
  if (!hasMethod(options.outbox, "claim") || !hasMethod(options.outbox, "confirm")) {
    throw invalidOptionError("outbox", "an outbox, such as postgresOutbox(pool)", typeof options.outbox);
  }
  if (typeof options.publish !== "function") throw invalidOptionError("publish", "a function", options.publish);
  const whole = (name: NumberOption, value: number, min: number, max?: number): number =>
    checkNumber(name, options[name] ?? value, { min, max, integer: true });
  const publishMsMax = whole("publishMsMax", 10_000, 1);
  const listener = checkFunction("onEvent", options.onEvent);
  const onError = checkFunction("onError", options.onError) ?? logError;
  const onEvent = (event: RelayEvent): void => {
    notify(listener, event);
    if (event.type !== "published") notify(onError, event.error, subjectOf(event));
  };
  const backoff = (name: "backoff" | "pauseBackoff", otherwise: Backoff): Backoff => {
    const given = checkFunction(name, options[name]) ?? otherwise;
    return steadyBackoff(name, given, otherwise, (error) => notify(onEvent, { type: "fault", error }));
  };
  const concurrency = whole("concurrency", 64, 1, 1000);
  // A claim costs the database as much as some tens of messages do, so it is for twice as many as the broker has at a time.
  const claimMax = 2 * concurrency;
  return Object.freeze({
    outbox: options.outbox,
    publish: options.publish,
    place:
      checkFunction("place", options.place) ?? options.publish.place ?? ((message: OutboxMessage) => message.topic),
    refusalsMax: whole("refusalsMax", 10, 1),
    parked: checkChoice("parked", options.parked ?? "block", ["block", "pass"]),
    backoff: backoff("backoff", exponentialBackoff({ baseMs: 5000, capMs: 300_000 })),
    pauseBackoff: backoff("pauseBackoff", exponentialBackoff({ baseMs: 500, capMs: 30_000 })),
    publishMsMax,
    leaseMs: whole("leaseMs", Math.max(30_000, 2 * publishMsMax), 2 * publishMsMax),
    concurrency,
    claimMax,
    /** How much a relay has at most: while the broker has one half, the other half comes from the database. */
    loadMax: 2 * claimMax,
    messagesPerKey: whole("messagesPerKey", 16, 1, 1000),
    pollMs: whole("pollMs", 1000, 1),
    onEvent,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  });
}

type NumberOption = "refusalsMax" | "publishMsMax" | "leaseMs" | "concurrency" | "messagesPerKey" | "pollMs";
