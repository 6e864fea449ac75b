import type { Undecided } from "./run-options.ts";

/** An intention of a run, and what is known of its call. */
export interface Intention {
  readonly name: string;
  readonly tool: string;
  readonly fingerprint: string;
  /** How the history began after which it was planned, as a hash. */
  readonly root?: string | undefined;
  /** The name of the one that a person said it is; that one has the call. */
  readonly same?: string | undefined;
  /**
   * `planned`: it is written down, and nothing happened. `running`: in this process. `done`: it happened, and its result is
   * stored. `unknown`: it may or may not have happened.
   */
  state: "planned" | "running" | "done" | "unknown";
  /** The name of the call of this process that was this one; `undefined`: none was yet. */
  matchedName: string | undefined;
  /** Whether a caller in this process waits for it. */
  isWaiting: boolean;
  /** Whether this process has handed its result out. */
  isReturned: boolean;
  /** Whether a person has said that all later calls are others. */
  isApart: boolean;
  /** The answer of the model that it is a part of; `undefined` for those of an earlier process. */
  answer: object | undefined;
}

/** The marks of a call, beside its tool and its arguments. */
export type CallPosition =
  /** The harness has a stable id for it. */
  | { readonly rule: "step"; readonly step: string }
  /** A hash of what the model was shown, the place of the call among equal calls of its answer, and what it has seen. */
  | {
      readonly rule: "history";
      readonly history: string;
      /** How it begins, as a hash. */
      readonly root: string;
      readonly index: number;
      readonly answer: object;
      /** Of how many calls of the tool with this fingerprint the history has an answer. */
      readonly seen: (fingerprint: string) => number;
    }
  /** Neither; whether a resumed run starts over. */
  | { readonly rule: "occurrence"; readonly isReplayed: boolean };

/** A call that is to be decided. */
export interface CallFacts {
  readonly tool: string;
  readonly fingerprint: string;
  readonly place: CallPosition;
  /** Whether a model that plans again calls this tool in the same words as before. */
  readonly isVerbatim: boolean;
}

/** Which intention a call is. */
export type CallMatch =
  | { readonly kind: "same"; readonly intention: Intention }
  /** Also one that is written down already, and of which nothing has happened. */
  | { readonly kind: "new"; readonly name: string }
  | {
      readonly kind: "undecided";
      readonly why: Undecided["why"];
      readonly earlier: readonly Intention[];
      /** Its name, if it is another one. */
      readonly name: string;
    };

/** How many characters of a hash tell the calls of one run apart. */
const hashLength = 24;

/**
 * Matches a call with the intentions of its run: it is one of them, a new one, or undecided.
 *
 * - A step is one intention of a tool.
 * - A call is the same as one that was planned from the very same history with the same arguments.
 * - Where a resumed run starts over, a call is the first one with the same arguments that has not come yet.
 *
 * The last two go by words. Where a model may have changed them, they prove nothing as long as another earlier call is left, in
 * other words: it may be that one that comes in the words of this one.
 *
 * Any other call is new, as long as there is no earlier one of its tool that it could be a repeat of.
 */
export function matchCall(call: CallFacts, intentions: readonly Intention[]): CallMatch {
  const { tool, place } = call;
  const ofTool = intentions.filter((intention) => intention.tool === tool);
  if (place.rule === "step") return decideStep(call, `${tool} step ${place.step}`, ofTool);
  const name = nameOf(call, place, ofTool);
  const isFit = isShortened(place, intentions)
    ? ({ answer, matchedName }: Intention) =>
        place.rule === "history" && answer === place.answer && matchedName === name
    : (known: Intention) => isExact(known, call, name);
  const exact = ofTool.find((known) => isFit(known) && !isTaken(known, place, name, ofTool));
  const happened = ofTool.filter(({ state, isApart }) => state !== "planned" && !isApart);
  const left = unseenAt(place, happened, ofTool);
  // Of one that has not happened for sure, another may have taken the place since.
  if (exact !== undefined && (exact.state === "done" || exact.matchedName !== undefined || exact.same !== undefined)) {
    const rivals = call.isVerbatim || exact.matchedName !== undefined ? [] : rivalsOf(exact, left);
    if (rivals.length === 0) return { kind: "same", intention: exact };
    const own = ofTool.find((intention) => intention.name === exact.same) ?? exact;
    return {
      kind: "undecided",
      why: "in-same-words",
      earlier: [own, ...rivals],
      name: `${name} beside ${ofTool.length}`,
    };
  }
  // A part of the same answer was planned before anybody could be in doubt.
  const isBeside = ({ answer }: Intention): boolean => place.rule === "history" && answer === place.answer;
  const earlier = happened.filter(
    (intention) =>
      left.has(intention) || (intention.state === "unknown" && !intention.isWaiting && !isBeside(intention)),
  );
  const isUsed = ofTool.some((intention) => intention.name === name);
  const own = exact?.name ?? (isUsed ? `${name} beside ${ofTool.length}` : name);
  if (earlier.every((intention) => intention === exact)) {
    return exact === undefined ? { kind: "new", name: own } : { kind: "same", intention: exact };
  }
  return { kind: "undecided", why: left.size > 0 ? "left-behind" : "in-doubt", earlier, name: own };
}

/**
 * Whether a history does not begin as the run did. What is left of two of them may be equal, so it says nothing of which call it
 * stands before.
 */
function isShortened(place: UnnamedPlace, intentions: readonly Intention[]): boolean {
  const root = intentions.find((intention) => intention.root !== undefined)?.root;
  return place.rule === "history" && root !== undefined && place.root !== root;
}

/**
 * Earlier calls that have not come yet, if one of them was in other words: a model that words its calls anew may mean that one, or
 * an equal one.
 */
function rivalsOf({ name, fingerprint, same = name }: Intention, left: ReadonlySet<Intention>): readonly Intention[] {
  const others = [...left].filter(({ name: other, matchedName }) => other !== same && matchedName === undefined);
  return others.some((other) => other.fingerprint !== fingerprint) ? others : [];
}

/** A step is one intention of a tool. One that comes with other arguments may have been planned anew, or be a second call. */
function decideStep({ fingerprint }: CallFacts, name: string, ofTool: readonly Intention[]): CallMatch {
  const changed = `${name} ${fingerprint.slice(0, hashLength)}`;
  const known = ofTool.filter((intention) => intention.name === name || intention.name.startsWith(`${name} `));
  const exact = known.find((intention) => intention.fingerprint === fingerprint);
  const earlier = known.filter(({ state, isApart }) => state !== "planned" && !isApart);
  if (exact !== undefined && (exact.state !== "planned" || exact.same !== undefined || earlier.length === 0)) {
    return { kind: "same", intention: exact };
  }
  if (earlier.length > 0) return { kind: "undecided", why: "changed", earlier, name: exact?.name ?? changed };
  return { kind: "new", name: known.length > 0 ? changed : name };
}

/** Whether an intention has what a call is known by. */
function isExact({ name, fingerprint }: Intention, call: CallFacts, own: string): boolean {
  if (call.place.rule === "occurrence") return call.place.isReplayed && fingerprint === call.fingerprint;
  return name === own;
}

/** Whether an intention, or the one that a person said it is, is another call of this process, or of this answer. */
function isTaken(known: Intention, place: UnnamedPlace, own: string, ofTool: readonly Intention[]): boolean {
  const { same = known.name } = known;
  return ofTool.some(({ name, matchedName, answer }) => {
    if ((name !== same && name !== known.name) || matchedName === undefined) return false;
    return place.rule === "occurrence" || (answer === place.answer && matchedName !== own);
  });
}

type UnnamedPlace = Exclude<CallPosition, { rule: "step" }>;

function nameOf({ tool, fingerprint }: CallFacts, place: UnnamedPlace, ofTool: readonly Intention[]): string {
  const hash = fingerprint.slice(0, hashLength);
  if (place.rule === "history") return `${tool} after ${place.history.slice(0, hashLength)} ${hash} ${place.index}`;
  const equal = ofTool.filter((intention) => intention.fingerprint === fingerprint);
  return `${tool} ${hash} ${equal.length + 1}`;
}

/** The intentions with an outcome that the model can't have seen, as far as the run shows. */
function unseenAt(
  place: UnnamedPlace,
  happened: readonly Intention[],
  ofTool: readonly Intention[],
): ReadonlySet<Intention> {
  if (place.rule === "occurrence") {
    // A call that is awaited in this process runs beside this call.
    return new Set(happened.filter(({ isWaiting, isReturned }) => !isWaiting && !isReturned));
  }
  const others = happened.filter(({ answer }) => answer !== place.answer);
  const equals = Map.groupBy(others, ({ fingerprint }) => fingerprint);
  // A call that a person said is another one shows that one's result, in other words.
  const seenAs = (words: string): number =>
    place.seen(words) - ofTool.filter(({ fingerprint, same }) => fingerprint === words && same !== undefined).length;
  // Of equal ones it is unknown which the model has seen.
  const unseen = [...equals].filter(([words, { length }]) => length > seenAs(words));
  return new Set(unseen.flatMap(([, equal]) => equal));
}
