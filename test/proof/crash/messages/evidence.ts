import type { Death, Pause } from "../evidence.ts";
import type { PlaceTopic } from "./places.ts";

/** How far a writer has come with the messages of one transaction. */
export const writerSteps = ["added", "committing"] as const;
/** How far a relay has come with messages. */
export const relaySteps = ["claimed", "publishing", "confirmed", "removing"] as const;
/** How far a consumer has come with a message. `handled`: its effect is there, and it is about to be acknowledged. */
export const consumerSteps = ["delivered", "effect", "handled"] as const;

export type WriterStep = (typeof writerSteps)[number];
export type RelayStep = (typeof relaySteps)[number];

/** Something that happened to some messages in a process, in its diary. */
interface Noted {
  readonly at: number;
  /** The messages' ids. */
  readonly ids: readonly string[];
}

/** The entries of writers: a step, or its end. */
export type WriterEntry = Noted & { readonly event: WriterStep | "committed" | "rolled back" | "failed" };

/**
 * The entries of relays. `failed`: the broker did not confirm; `unremoved`: the database did not say that they are removed.
 */
export type RelayEntry = Noted & {
  readonly event: RelayStep | "removed" | "failed" | "given back" | "unremoved";
  /** With a confirmation: the broker had the message already. */
  readonly isDuplicate?: boolean;
};

/** The entries of consumers. */
export type ConsumerEntry = Noted &
  /** `place`: partition and sequence, of a broker that numbers its messages. */
  (
    | { readonly event: "delivered"; readonly deliveries: number; readonly place?: string }
    | { readonly event: "effect" }
    | { readonly event: "handled"; readonly isRepeat: boolean }
    /** Its process was asked to end while it had these. */
    | { readonly event: "closing" }
    /** It was given back, or is a dead letter. */
    | { readonly event: "left" }
  );

/** An entry as its writer has it, before it says when. */
export type Unwritten<Entry> = Entry extends unknown ? Omit<Entry, "at"> : never;

/** The diary of one process from a start to its end. */
export interface Diary<Entry> {
  readonly life: string;
  /** Reads it. It may be long, and there are many. */
  read(): readonly Entry[];
}

/** When a server was killed, and when it was dead. */
export interface ServerDeath {
  readonly from: number;
  readonly until: number;
}

/** When a place took no message. */
export interface ShutPlace {
  readonly topic: PlaceTopic;
  readonly from: number;
  readonly until: number;
}

/** The faults of things that have no diary. */
export interface Faults {
  readonly deaths: readonly Death[];
  readonly pauses: readonly Pause[];
  readonly brokerDeaths: readonly ServerDeath[];
  readonly databaseDeaths: readonly ServerDeath[];
  readonly shutPlaces: readonly ShutPlace[];
  /** How often what was cut, by the names of windows. */
  readonly cuts: ReadonlyMap<string, number>;
}

/** Everything that the processes of a run left behind. */
export interface Evidence extends Faults {
  readonly leaseMs: number;
  readonly writers: readonly Diary<WriterEntry>[];
  readonly relays: readonly Diary<RelayEntry>[];
  readonly consumers: readonly Diary<ConsumerEntry>[];
  /** The committed messages. */
  readonly committed: ReadonlySet<string>;
  /** The process that had the effect of each message. */
  readonly effectOf: ReadonlyMap<string, string>;
  /** How often a message reached the broker, also where it knew it already. */
  readonly publishesOf: ReadonlyMap<string, number>;
}
