import { notify } from "../../core/listener.ts";
import type { OutboxMessage } from "../../stores/outbox-store.ts";
import { failureDetails } from "./publish.ts";
import type { RelaySettings } from "./relay-options.ts";

/**
 * The places to which a relay publishes: queues, topics, servers. Each has its own pauses, probes and share of what is under
 * way, so one that refuses, fails or stays silent holds up no other.
 */
export interface Places {
  /**
   * Waits for the turn of a message at its place. `false`: it has none, since the place is paused or confirms nothing, and
   * goes back for `holdMs`.
   */
  begin(name: string): boolean | Promise<boolean>;
  /** Ends a turn that began. */
  end(name: string): void;
  /** How many messages a place has confirmed. */
  confirmations(name: string): number;
  confirmed(name: string): void;
  /** It said nothing in time: it gets one message at a time until it confirms one. */
  silent(name: string): void;
  /** It can't be reached, or did not confirm: nothing is handed to it until its pause is over. */
  unavailable(name: string, error: unknown): void;
  /** How long a message that had no turn waits, milliseconds. */
  holdMs(name: string): number;
  /** Ends the waiting of messages for which no turn came within a second, so that they leave their room to other places. */
  release(): void;
  /** Ends all waiting: the relay closes. */
  releaseAll(): void;
}

interface Place {
  readonly name: string;
  /** Messages that wait for their turn. */
  readonly waiting: ((hasTurn: boolean) => void)[];
  running: number;
  confirmations: number;
  state: "new" | "proven" | "in doubt";
  /** When it confirmed a message, or got its first one, or one began to wait for it. */
  progressAt: number;
  /** How many pauses it has had since it confirmed a message. */
  pauses: number;
  previousDelayMs: number;
  pauseEndsAt: number;
}

/** How many places are remembered: the one that was used least recently is forgotten, with nothing under way. */
const placesMax = 10_000;

/** For how long a message waits in the relay for a place that confirms nothing, and then in the outbox before it is claimed again. */
const patienceMs = 1000;

/** A place's name, as it is stored: no longer than a topic, and without control characters. */
const nameLengthMax = 255;

export function placeName(place: string): string {
  return place
    .slice(0, nameLengthMax)
    .replaceAll(/\p{Cc}/gu, " ")
    .toWellFormed();
}

/** The place of a message. A publisher that can't say it will fail with this message, and the topic stands for it. */
export function placeOf({ place }: Pick<RelaySettings, "place">, message: OutboxMessage): string {
  try {
    return placeName(place(message)) || message.topic;
  } catch {
    return message.topic;
  }
}

/** The places that a relay remembers. */
function placeMemory(now: () => number): (name: string) => Place {
  const places = new Map<string, Place>();
  const forgetOne = (): void => {
    for (const { name, running, waiting } of places.values()) {
      if (running > 0 || waiting.length > 0) continue;
      places.delete(name);
      return;
    }
  };
  return (name) => {
    const place = places.get(name) ?? newPlace(name, now());
    places.delete(name);
    places.set(name, place);
    if (places.size > placesMax) forgetOne();
    return place;
  };
}

const newPlace = (name: string, now: number): Place => ({
  name,
  waiting: [],
  running: 0,
  confirmations: 0,
  state: "new",
  progressAt: now,
  pauses: 0,
  previousDelayMs: 0,
  pauseEndsAt: -Infinity,
});

/** The room that places share: what is under way to them. */
function sharedRoom(concurrency: number) {
  /** In all, at places that have not confirmed their last message, and at those that have failed before. */
  const running = { all: 0, unproven: 0, inDoubt: 0 };
  const runningMax = 2 * concurrency;
  const count = (place: Place, sign: 1 | -1): void => {
    running.all += sign * place.running;
    if (place.state !== "proven") running.unproven += sign * place.running;
    if (place.state === "in doubt") running.inDoubt += sign * place.running;
  };
  return {
    runningMax,
    isFull: () => running.all >= runningMax,
    /**
     * A place that confirms has its full share, as far as as much room is left for others. One that has not confirmed its last
     * message gets one at a time, and all of these together half of the room: half of that where they have failed before, so that
     * a new place is tried however many are silent.
     */
    isFor(place: Place): boolean {
      if (place.state === "proven") return place.running < Math.min(concurrency, runningMax - running.all);
      if (place.running > 0 || running.unproven >= concurrency || running.all >= runningMax) return false;
      return place.state === "new" || running.inDoubt < Math.ceil(concurrency / 2);
    },
    change(place: Place, changes: Partial<Pick<Place, "running" | "state">>): void {
      count(place, -1);
      Object.assign(place, changes);
      count(place, 1);
    },
  };
}

type Room = ReturnType<typeof sharedRoom>;

/** Messages that wait for their turns. */
function turnQueue({ clock, random }: Pick<RelaySettings, "clock" | "random">, room: Room) {
  /** The places for which messages wait, in the order of their turns. */
  const waiting = new Set<Place>();
  const isStuck = (place: Place): boolean => clock.monotonic() - place.progressAt >= patienceMs;
  const start = (place: Place): void => {
    if (place.running === 0) place.progressAt = clock.monotonic();
    room.change(place, { running: place.running + 1 });
  };
  /** The oldest that waits. Of a place in doubt, any: one that is never confirmed must not be tried before all others each time. */
  const takeOne = ({ state, waiting: line }: Place): ((hasTurn: boolean) => void) => {
    const at = state === "in doubt" ? Math.min(line.length - 1, Math.floor(random() * line.length)) : 0;
    return line.splice(at, 1)[0]!;
  };
  /** Gives turns, to one place after the other. */
  const give = (): void => {
    for (const place of waiting) {
      if (room.isFull()) return;
      while (place.waiting.length > 0 && room.isFor(place)) {
        start(place);
        takeOne(place)(true);
      }
      if (place.waiting.length === 0) waiting.delete(place);
    }
  };
  const release = (place: Place): void => {
    waiting.delete(place);
    for (const answer of place.waiting.splice(0)) answer(false);
  };
  return {
    give,
    release,
    releaseAll(which: "stuck" | "all"): void {
      for (const place of waiting) if (which === "all" || isStuck(place)) release(place);
    },
    take(place: Place): boolean | Promise<boolean> {
      if (place.state !== "in doubt" && place.waiting.length === 0 && room.isFor(place)) {
        start(place);
        return true;
      }
      if (place.running > 0 && isStuck(place)) return false;
      // Very many places that are new, or fail: they leave the relay its room for those that confirm.
      if (place.running === 0 && waiting.size >= room.runningMax) return false;
      if (place.running === 0 && place.waiting.length === 0) place.progressAt = clock.monotonic();
      waiting.add(place);
      // All of a claim wait by then.
      if (place.state === "in doubt") queueMicrotask(give);
      return new Promise((resolve) => place.waiting.push(resolve));
    },
  };
}

export function openPlaces(
  settings: Pick<RelaySettings, "clock" | "concurrency" | "onEvent" | "pauseBackoff" | "random">,
): Places {
  const { clock, concurrency, onEvent, pauseBackoff, random } = settings;
  const find = placeMemory(() => clock.monotonic());
  const room = sharedRoom(concurrency);
  const turns = turnQueue(settings, room);
  const pauseLeftMs = (place: Place): number => Math.max(0, place.pauseEndsAt - clock.monotonic());

  return {
    begin(name) {
      const place = find(name);
      return pauseLeftMs(place) === 0 && turns.take(place);
    },
    end(name) {
      const place = find(name);
      room.change(place, { running: place.running - 1 });
      turns.give();
    },
    confirmations: (name) => find(name).confirmations,
    confirmed(name) {
      const place = find(name);
      room.change(place, { state: "proven" });
      place.confirmations += 1;
      place.progressAt = clock.monotonic();
      [place.pauses, place.previousDelayMs] = [0, 0];
    },
    silent: (name) => room.change(find(name), { state: "in doubt" }),
    unavailable(name, error) {
      const place = find(name);
      // Others that were under way fail for the same reason.
      if (pauseLeftMs(place) > 0) return;
      room.change(place, { state: "in doubt" });
      place.pauses += 1;
      place.previousDelayMs = pauseBackoff({ retry: place.pauses, previousDelayMs: place.previousDelayMs, random });
      const pauseMs = Math.max(place.previousDelayMs, failureDetails(error).retryAfterMs);
      place.pauseEndsAt = clock.monotonic() + pauseMs;
      turns.release(place);
      notify(onEvent, { type: "place-unavailable", place: name, error, pauseMs });
    },
    holdMs(name) {
      const place = find(name);
      // Where very many are in doubt, not all of them can be tried: those wait as if they had failed again.
      const againMs = place.state === "in doubt" ? place.previousDelayMs : 0;
      return pauseLeftMs(place) || Math.max(patienceMs, againMs);
    },
    release: () => turns.releaseAll("stuck"),
    releaseAll: () => turns.releaseAll("all"),
  };
}
