import { type After, type Rules, type Shown, slackMs, type Step } from "./explain.ts";
import type { OutboxCall, TracedReturn } from "./trace-step.ts";

/** A message that is in the outbox. */
interface Row {
  readonly id: string;
  /** The claim that has it. */
  readonly owner: string | null;
  /** When it may be claimed, at the earliest: its lease or its delay is over then. */
  readonly due: number;
  readonly refusals: number;
  readonly parked: "block" | "pass" | null;
}

/** The rest of a relay's claim: the messages that it has not handed over, and the one that it has, without a confirmation. */
interface Claim {
  readonly process: string;
  readonly left: readonly string[];
  readonly handed: string | null;
}

/** The messages of one ordering key in the order of their commits, or a single one without a key. */
interface State {
  readonly rows: readonly Row[];
  readonly claims: Readonly<Record<string, Claim>>;
  /** The messages that the broker has confirmed to each process, until it has removed them. */
  readonly confirmed: Readonly<Record<string, readonly string[]>>;
  /** The rows that a database may come back to, which is about to crash. */
  readonly past: readonly (readonly Row[])[];
}

/** How long a database may take to write to the disk what a relay has asked for, milliseconds. PostgreSQL takes three times `wal_writer_delay`. */
const unwrittenMsMax = 2000;

type OutboxStep = Step<OutboxCall>;

/**
 * The rules of an outbox (spec/outbox.md), for the messages of one ordering key, or for one without.
 *
 * @param all the calls of all groups: a claim without an answer may have got messages of any.
 */
export function outboxRules(steps: readonly OutboxStep[], all: readonly OutboxStep[]): Rules<OutboxCall, State> {
  const crashes = steps.filter(({ call }) => call.call === "crash");
  const unheard = all.filter(({ answer, call }) => call.call === "claim messages" && answer === undefined);
  /** Those that a relay lets the others pass, which it says when its batch has ended. */
  const passed = new Set(steps.flatMap(({ call }) => (call.call === "return" ? passesOf(call.returns) : [])));
  /** Whether the database may have forgotten it. */
  const mayBeForgotten = ({ from, to }: OutboxStep): boolean =>
    crashes.some((crash) => from <= crash.to && to >= crash.from - unwrittenMsMax);
  return {
    first: { rows: [], claims: {}, confirmed: {}, past: [] },
    after(state, step) {
      const found = statesAfter(state, step, { passed, unheard });
      if (step.call.call === "crash" || !mayBeForgotten(step)) return found;
      // A transaction of the shop waits for the disk, and with it all that came before.
      const past = step.call.call === "add" && step.isHeard ? [] : [...state.past, state.rows];
      return found.map((one) => (one.state.rows === state.rows ? one : { ...one, state: { ...one.state, past } }));
    },
  };
}

const nameOf = (owner: string, id: string | null): string => JSON.stringify([owner, id]);
const passesOf = (returns: readonly TracedReturn[]): string[] =>
  returns.filter(({ park }) => park === "pass").map(({ owner, id }) => nameOf(owner, id));

/** The facts about a group beside its state. */
interface Known {
  readonly passed: ReadonlySet<string>;
  /** The claims without an answer. */
  readonly unheard: readonly OutboxStep[];
}

function statesAfter(state: State, step: OutboxStep, { passed, unheard }: Known): After<State>[] {
  const { call, answer } = step;
  switch (call.call) {
    case "add":
      return answer?.said === "rolled back" ? [{ state }] : [afterAdd(state, call.ids, step.isHeard)];
    case "claim messages":
      return afterClaim(state, step, call);
    case "publish":
      return afterPublish(state, step.process, call.ids[0]!, passed);
    case "confirmed":
      return [{ state: afterConfirmation(state, step.process, call.ids[0]!) }];
    case "return":
      return call.returns
        .reduce((states, one) => states.flatMap((now) => afterReturn(now, step, one, unheard)), [state])
        .map((next) => ({ state: next }));
    case "remove":
      return afterRemove(state, step, call.ids);
    case "crash":
      return [state.rows, ...state.past].map((rows) => ({ state: { ...state, rows, past: [] } }));
  }
}

/** O1, O2: its rows are there from the commit on, behind those that committed before. */
function afterAdd(state: State, ids: readonly string[], isHeard: boolean): After<State> {
  const added = ids.map((id): Row => ({ id, owner: null, due: 0, refusals: 0, parked: null }));
  const shows: Shown[] = isHeard ? [] : ["lost acknowledgement"];
  return { state: { ...state, rows: [...state.rows, ...added] }, shows };
}

/** O4, O6: a claim gets the oldest row, when no other has it, and those behind it. */
function afterClaim(
  state: State,
  { answer, from, process, to }: OutboxStep,
  { owner, leaseMs }: OutboxCall & { readonly call: "claim messages" },
): After<State>[] {
  const waiting = state.rows.filter(({ parked }) => parked !== "pass");
  const [oldest] = waiting;
  if (oldest === undefined || oldest.parked !== null || to + slackMs < oldest.due) return [];
  const claimed = answer?.messages ?? [];
  const isTrue = claimed.every(({ id, refusals }, at) => waiting[at]?.id === id && waiting[at].refusals === refusals);
  if (!isTrue) return [];
  const shows: Shown[] = [];
  if (oldest.owner !== null) shows.push("take-over");
  const leased: Row = { ...oldest, owner, due: Math.max(from, oldest.due) + leaseMs };
  const rows = state.rows.map((row) => (row === oldest ? leased : row));
  const claim: Claim = { process, left: claimed.map(({ id }) => id), handed: null };
  return [{ state: { ...state, rows, claims: { ...state.claims, [owner]: claim } }, shows }];
}

/** O5: what a claim got is handed over one by one, each when the one before was confirmed. */
function afterPublish(state: State, process: string, id: string, passed: ReadonlySet<string>): After<State>[] {
  return Object.entries(state.claims)
    .filter(([, claim]) => claim.process === process && claim.left[0] === id)
    .filter(([owner, { handed }]) => handed === null || passed.has(nameOf(owner, handed)))
    .map(([owner, claim]) => {
      const handed: Claim = { ...claim, left: claim.left.slice(1), handed: id };
      return { state: { ...state, claims: { ...state.claims, [owner]: handed } } };
    });
}

function afterConfirmation(state: State, process: string, id: string): State {
  const claims = Object.entries(state.claims).flatMap(([owner, claim]): [string, Claim][] => {
    if (claim.process !== process || claim.handed !== id) return [[owner, claim]];
    return claim.left.length === 0 ? [] : [[owner, { ...claim, handed: null }]];
  });
  const confirmed = { ...state.confirmed, [process]: [...(state.confirmed[process] ?? []), id] };
  return { ...state, claims: Object.fromEntries(claims), confirmed };
}

/** O8: what the relay still holds goes back. The claim is over, unless the others pass it: it hands over nothing more of it. */
function afterReturn(
  state: State,
  { from, to }: OutboxStep,
  { id, owner, delayMs, refusals, park }: TracedReturn,
  unheard: readonly OutboxStep[],
): State[] {
  const oldest = state.rows.find(({ parked }) => parked !== "pass");
  const isHeld = (row: Row): boolean =>
    row.owner === owner || (row.owner === null && row.parked === null && row !== oldest && oldest?.owner === owner);
  const rows = state.rows.map((row): Row => {
    if (row.id !== id || !isHeld(row)) return row;
    return { id, owner: null, due: from + delayMs, refusals: refusals ?? row.refusals, parked: park ?? null };
  });
  const { [owner]: ended, ...others } = state.claims;
  const claims = park === "pass" && ended !== undefined ? state.claims : others;
  const leased = state.rows.find((row) => row.owner === owner);
  const mayBeTaken = leased !== undefined && to + slackMs >= leased.due && unheard.some((claim) => claim.from <= to);
  if (!mayBeTaken) return [{ ...state, rows, claims }];
  const taken = state.rows.map((row) => (row === leased ? { ...row, owner: "a claim without an answer" } : row));
  return [
    { ...state, rows, claims },
    { ...state, rows: taken, claims },
  ];
}

/** O7: what the broker has confirmed is removed, whichever relay has it by now. */
function afterRemove(state: State, { answer, process }: OutboxStep, ids: readonly string[]): After<State>[] {
  const known = state.confirmed[process] ?? [];
  if (!ids.every((id) => known.includes(id))) return [];
  // One that was published twice is removed twice.
  const left = known.filter((id, at) => !ids.includes(id) || known.indexOf(id) !== at);
  const { [process]: _known, ...others } = state.confirmed;
  // Who has no answer asks again.
  const confirmed = answer === undefined ? state.confirmed : { ...others, ...(left.length > 0 && { [process]: left }) };
  const shows: Shown[] = answer === undefined ? ["lost acknowledgement"] : [];
  return [{ state: { ...state, rows: state.rows.filter(({ id }) => !ids.includes(id)), confirmed }, shows }];
}

/**
 * The calls of each ordering key, and of each message without one. A claim is of the groups of which it got messages, and a crash of all that
 * were there.
 */
export function outboxGroups(steps: readonly OutboxStep[]): Map<string, OutboxStep[]> {
  const groupOf = new Map<string, string>();
  for (const { call } of steps)
    if (call.call === "add")
      for (const id of call.ids) groupOf.set(id, call.orderingKey === undefined ? id : `key ${call.orderingKey}`);
  const groups = new Map<string, OutboxStep[]>();
  const addTo = (group: string, step: OutboxStep): void =>
    void (groups.get(group) ?? groups.set(group, []).get(group)!).push(step);
  const partsOf = (ids: readonly string[]): Map<string, Set<string>> => {
    const parts = Map.groupBy(ids, (id) => groupOf.get(id) ?? id);
    return new Map(Array.from(parts, ([group, own]) => [group, new Set(own)]));
  };
  const ofAll: OutboxStep[] = [];
  const untilAnswered = untilAnswer(steps);
  const seenBy = claimedBy(steps);
  for (const step of steps) {
    const { answer, call } = step;
    switch (call.call) {
      case "crash":
        ofAll.push(step);
        break;
      case "claim messages":
        for (const [group, own] of partsOf((answer?.messages ?? []).map(({ id }) => id)))
          addTo(group, {
            ...step,
            answer: { ...answer!, messages: answer!.messages!.filter(({ id }) => own.has(id)) },
          });
        break;
      case "return":
        if (!untilAnswered.has(step)) break;
        for (const [group, own] of partsOf(call.returns.map(({ id }) => id)))
          addTo(group, {
            ...step,
            ...untilAnswered.get(step),
            call: { ...call, returns: call.returns.filter(({ id }) => own.has(id)) },
          });
        break;
      case "add": {
        // It was committed if a claim got it, and before that claim had its answer.
        const to = Math.min(...call.ids.map((id) => seenBy.get(id) ?? Number.POSITIVE_INFINITY));
        if (answer === undefined && to === Number.POSITIVE_INFINITY) break;
        for (const [group, own] of partsOf(call.ids))
          addTo(group, {
            ...step,
            call: { ...call, ids: [...own] },
            ...(answer === undefined && { answer: { said: "committed" }, to }),
          });
        break;
      }
      case "remove":
        if (!untilAnswered.has(step)) break;
        for (const [group, own] of partsOf(call.ids))
          addTo(group, { ...step, ...untilAnswered.get(step), call: { ...call, ids: [...own] } });
        break;
      default:
        for (const [group, own] of partsOf(call.ids)) addTo(group, { ...step, call: { ...call, ids: [...own] } });
    }
  }
  for (const group of groups.values()) {
    const begin = Math.min(...group.map(({ from }) => from));
    const end = Math.max(...group.map(({ answer, from, to }) => (answer === undefined ? from : to)));
    group.push(...ofAll.filter((step) => step.from <= end && step.to >= begin));
  }
  return groups;
}

/**
 * The returns and removals, of those that were repeated until there was an answer the first and the answered one: each between may have been the
 * first, at its time. After the answer there is nothing left to do.
 */
function untilAnswer(steps: readonly OutboxStep[]): Map<OutboxStep, { readonly to: number }> {
  const repeats = Map.groupBy(
    steps.filter(({ call }) => call.call === "return" || call.call === "remove"),
    ({ call, process }) => JSON.stringify([process, "returns" in call ? call.returns : "ids" in call && call.ids]),
  );
  return new Map(
    [...repeats.values()].flatMap((same) => {
      const answered = same.filter(({ answer }) => answer !== undefined);
      const [first] = same;
      const to = answered[0]?.to ?? Number.POSITIVE_INFINITY;
      const unheard = first !== undefined && first.answer === undefined ? [[first, { to }] as const] : [];
      return [...unheard, ...answered.map((step) => [step, { to: step.to }] as const)];
    }),
  );
}

/** When the first claim that got a message had its answer. */
function claimedBy(steps: readonly OutboxStep[]): Map<string, number> {
  const by = new Map<string, number>();
  for (const { answer, to } of steps)
    for (const { id } of answer?.messages ?? []) by.set(id, Math.min(to, by.get(id) ?? Number.POSITIVE_INFINITY));
  return by;
}
