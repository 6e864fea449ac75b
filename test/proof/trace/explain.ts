import { createHash } from "node:crypto";
import type { TracedAnswer, TracedCall } from "./trace-step.ts";

/** A call with all that its trace says of it. */
export interface Step<Call = TracedCall> {
  readonly id: string;
  readonly process: string;
  readonly call: Call;
  /** The answer; `undefined`: it has none, and may have been executed at any time from its begin on, or never. */
  readonly answer: TracedAnswer | undefined;
  readonly isHeard: boolean;
  /** When it can have been executed, if it was. */
  readonly from: number;
  readonly to: number;
  /** Its place in the trace, which is the order of those that were executed at one time. */
  readonly place: number;
}

/** The things that a trace has to show, or it proves nothing. */
export const necessary = ["take-over", "repeat", "lost acknowledgement"] as const;
export type Shown = (typeof necessary)[number];

/** A state after a call, and the rare things that it shows. */
export interface After<State> {
  readonly state: State;
  readonly shows?: readonly Shown[];
}

/** The rules for the calls of one group: a key, a message, the messages of an ordering key. */
export interface Rules<Call, State> {
  readonly first: State;
  /**
   * The states after a call, of which its answer may be true. None: the rules don't allow it.
   *
   * @param latest It was executed by then.
   */
  after(state: State, step: Step<Call>, latest: number): readonly After<State>[];
}

/** Other clocks than the store's are off by so much, milliseconds: those of processes, and fractions. */
export const slackMs = 2;

/** How many states of one group are tried. More are no verdict, and refused. */
const triesMax = 50_000;

/** Calls in one order that explains them, up to the last of it. */
interface Path<Call, State> {
  readonly state: State;
  readonly before: Path<Call, State> | undefined;
  readonly executed: number;
  readonly shows?: readonly Shown[] | undefined;
  /** The calls that can be under way, and the place of the first that has not begun. */
  readonly open: readonly Step<Call>[];
  readonly next: number;
}

type Explained = { readonly shows: readonly Shown[] } | { readonly stuckAt: Step; readonly why: string };

/** Looks for an order and times of the calls that the rules allow. */
export function explain<Call extends TracedCall, State>(
  given: readonly Step<Call>[],
  { first, after }: Rules<Call, State>,
): Explained {
  const steps = given.toSorted((one, other) => one.from - other.from || one.place - other.place);
  /** For each place the first end, and whether there is an answer, from there on. */
  const ends: number[] = [Number.POSITIVE_INFINITY];
  for (const step of steps.toReversed()) ends.push(Math.min(endOf(step), ends.at(-1)!));
  ends.reverse();
  const lastAnswer = steps.findLastIndex(({ answer }) => answer !== undefined);
  const seen = new Set<string>();
  const start: Path<Call, State> = { state: first, before: undefined, executed: 0, open: [], next: 0 };
  const left: Path<Call, State>[] = [start];
  let furthest = start;
  let tries = 0;
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    const { open } = path;
    // A call without an answer need not have been executed.
    if (path.next > lastAnswer && open.every(({ answer }) => answer === undefined)) return { shows: shownOn(path) };
    if ((tries += 1) > triesMax) break;
    const name = JSON.stringify([path.state, path.next, open.map(({ place }) => place)]);
    const hash = createHash("sha256").update(name).digest("base64");
    if (seen.has(hash)) continue;
    seen.add(hash);
    if (path.executed > furthest.executed) furthest = path;
    const { candidates, latest, begun, next } = nextOf(open, steps, path.next, ends);
    // The last is tried first.
    for (const step of candidates.toReversed()) {
      const rest = begun.filter((other) => other !== step && (other.answer !== undefined || other.to >= step.from));
      for (const { state, shows } of after(path.state, step, latest).toReversed())
        left.push({ state, before: path, executed: path.executed + 1, shows, open: rest, next });
    }
  }
  const stuckAt = nextOf(furthest.open, steps, furthest.next, ends).candidates[0]!;
  return { stuckAt, why: tries > triesMax ? "Too many orders to try." : "No order of the calls explains it." };
}

/** By when a call was executed. One without an answer may never be. */
const endOf = ({ answer, to }: Step<unknown>): number => (answer === undefined ? Number.POSITIVE_INFINITY : to);

/** The calls that can be executed next: none of the others has ended before they begin. Those with an answer come first. */
function nextOf<Call>(
  open: readonly Step<Call>[],
  steps: readonly Step<Call>[],
  from: number,
  ends: readonly number[],
): {
  readonly candidates: readonly Step<Call>[];
  readonly latest: number;
  readonly begun: readonly Step<Call>[];
  readonly next: number;
} {
  const latest = Math.min(ends[from]!, ...open.map(endOf));
  let next = from;
  const begun = [...open];
  for (let step = steps[next]; step !== undefined && step.from <= latest; step = steps[(next += 1)]) begun.push(step);
  const candidates = begun.toSorted((one, other) => compareEnds(endOf(one), endOf(other)) || one.place - other.place);
  const isExact = candidates.every((step) => step.from === step.to);
  return { candidates: isExact ? candidates.slice(0, 1) : candidates, latest, begun, next };
}

const compareEnds = (one: number, other: number): number => (one === other ? 0 : one - other);

function shownOn<Call, State>(last: Path<Call, State>): Shown[] {
  const shows: Shown[] = [];
  for (let path: Path<Call, State> | undefined = last; path !== undefined; path = path.before)
    shows.push(...(path.shows ?? []));
  return shows;
}
