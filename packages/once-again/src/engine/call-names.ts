// The names of the calls that a handler makes to other services. A key is derived of a name, so that a second run of the
// handler sends the keys of the first. docs/decisions/outgoing.md has the reasons, test/proof/outgoing the proof.

/** A call of a handler to another service, before it leaves. */
export interface OutgoingCall {
  readonly method: string;
  readonly origin: string;
  /** Without its query. */
  readonly path: string;
  /** Empty, or from its question mark on. */
  readonly query: string;
  /** A hash of the query and the body; `undefined` for a body that is a stream. */
  readonly hash: string | undefined;
}

/** A call as it is written down before it leaves. */
export interface RecordedCall {
  readonly origin: string;
  /** Its method, origin and path. */
  readonly group: string;
  /** Its number in the group, from 1; `undefined`: it left without a key. */
  readonly number: number | undefined;
  readonly hash: string | undefined;
}

/** How a service treats the keys that it gets. */
export type KeyTreatment =
  /** It refuses a known key that comes with another request. */
  | "compares"
  /** It returns the stored response, whatever the request. */
  | "replays"
  /** It does not know keys. */
  | "ignores";

/** The decision about a call. Where `record` is given, all of it must be stored before the call leaves. */
export type CallDecision =
  /** It leaves with the key of this name. */
  | { readonly kind: "named"; readonly call: RecordedCall; readonly record: readonly RecordedCall[] | undefined }
  /** It leaves without a key. */
  | {
      readonly kind: "keyless";
      readonly why: "ignored" | "streamed" | "not-recorded";
      readonly call: RecordedCall;
      readonly record: readonly RecordedCall[] | undefined;
    }
  /** It must not leave yet: decide again when a call of its group has ended. */
  | { readonly kind: "wait" }
  /** It must not leave at all: whether an earlier run sent it is unknown. */
  | { readonly kind: "undecided" };

/** How a call ended: by a response, without one, or by the response that refuses its key for another request. */
export type CallEnd = "answered" | "unanswered" | "refused";

/** The facts that are known of a run when it begins. */
export interface RunFacts {
  /** Whether an earlier run may have sent calls. */
  readonly isRerun: boolean;
  /** The calls that earlier runs wrote down. */
  readonly recorded: readonly RecordedCall[];
  /** Whether this run, and each one before it, can write calls down before they leave. */
  readonly records: boolean;
  readonly treatment: (origin: string) => KeyTreatment;
}

/** The names of the calls of one run. */
export interface CallNames {
  /** Decides at once, when a call is about to leave. */
  decide(call: OutgoingCall): CallDecision;
  /** Each call that has left ends once. */
  end(call: RecordedCall, end: CallEnd): void;
  /**
   * Whether the operation must be held, whatever its handler returns: a call was undecided or refused, or one of an earlier run did
   * not come again.
   */
  mustHold(): boolean;
}

/**
 * Names the calls of one run of a handler.
 *
 * - A call that equals a recorded one which has not come yet has its name.
 * - While another recorded call to the origin has not come yet, a call is undecided.
 * - At a service that compares requests, a call is the next of its group, where each one before it has been answered.
 * - All other calls are written down before they leave, with those that have left for their origin.
 */
export function callNames({ isRerun, recorded, records, treatment }: RunFacts): CallNames {
  const left = [...recorded];
  /** The calls that have left, in this run and before it, with what became of them. */
  const states = new Map<RecordedCall, CallEnd | "open">(recorded.map((call) => [call, "answered"]));
  const isRecorded = new Set(recorded);
  let isHeld = false;

  const undecided = (): CallDecision => {
    isHeld = true;
    return { kind: "undecided" };
  };
  /**
   * A later run must know all calls of a group, or none. So a first run writes down with a call what has left for its origin; a
   * run after it does not know what an earlier one sent to a group of which nothing is written down.
   */
  const write = (call: RecordedCall): readonly RecordedCall[] | undefined => {
    if (!records) return undefined;
    isRecorded.add(call);
    if (!isRerun) for (const other of states.keys()) if (other.origin === call.origin) isRecorded.add(other);
    return [...isRecorded];
  };

  return {
    decide(outgoing) {
      if (isHeld) return undecided();
      const { origin, query, hash } = outgoing;
      const group = groupName(outgoing);
      const equal = left.find(
        (call) => call.group === group && call.number !== undefined && hash !== undefined && call.hash === hash,
      );
      if (equal !== undefined) {
        left.splice(left.indexOf(equal), 1);
        states.set(equal, "open");
        return { kind: "named", call: equal, record: undefined };
      }
      if (left.some((call) => call.origin === origin || call.number === undefined)) return undecided();

      const earlier = [...states].filter(([call]) => call.group === group);
      const number = 1 + Math.max(0, ...earlier.map(([call]) => call.number ?? 0));
      const keys = treatment(origin);
      const isKnown = (isRerun ? recorded : [...isRecorded]).some((call) => call.group === group);
      if (keys === "compares" && query === "" && !isKnown) {
        const isBusy = earlier.some(([, state]) => state === "open");
        const isInDoubt = earlier.some(([, state]) => state === "unanswered");
        if (!isBusy && !isInDoubt) {
          const call = { origin, group, number, hash };
          states.set(call, "open");
          return { kind: "named", call, record: undefined };
        }
        // An earlier run may have sent these numbers in another order, so each has to be settled before the next one leaves.
        if (isRerun && isInDoubt) return undecided();
        if (isBusy && (isRerun || !records || hash === undefined)) return { kind: "wait" };
      }

      const why =
        keys === "ignores" ? "ignored" : !records ? "not-recorded" : hash === undefined ? "streamed" : undefined;
      const call = { origin, group, number: why === undefined ? number : undefined, hash };
      states.set(call, "open");
      const record = write(call);
      return why === undefined ? { kind: "named", call, record } : { kind: "keyless", why, call, record };
    },
    end(call, end) {
      states.set(call, end);
      if (end === "refused") isHeld = true;
    },
    mustHold: () => isHeld || left.length > 0,
  };
}

/** A service may compare bodies and no queries, so calls with a query are a group apart. */
function groupName({ method, origin, path, query }: OutgoingCall): string {
  return `${method} ${origin}${path}${query === "" ? "" : "?"}`;
}
