import type { HistoryEvent } from "./history-event.ts";
import { type HistoryRule, type Violation, violations } from "./history-rules.ts";

/** A line of a history that an anomaly needs to be seen. */
export interface Witness {
  readonly line: number;
  readonly text: string;
}

/** One violation, with the fewest lines that show it. */
export interface Anomaly {
  readonly rule: HistoryRule;
  readonly violation: Violation;
  readonly scope: string;
  readonly key: string;
  /** In plain words. */
  readonly what: string;
  readonly lines: readonly Witness[];
}

interface Answer extends Witness {
  readonly response: string | undefined;
  readonly request: string | undefined;
}

interface Naming extends Witness {
  /** Each id once, in one order. */
  readonly ids: readonly string[];
}

/** The facts about one key. They grow with the effects that its responses name, and not with its repeats. */
export interface KeyState {
  invoked: Witness | undefined;
  /** The requests that callers sent. */
  readonly requests: Set<string>;
  first: Answer | undefined;
  /** The first ok that differs from the first. */
  other: Answer | undefined;
  /** The first ok of another request, or without the answer to its own. */
  foreign: Answer | undefined;
  /** The first ok that says that there is no effect. */
  none: Witness | undefined;
  /** The first ok that names effects, and the first that names others. */
  effectful: Naming | undefined;
  otherEffects: Naming | undefined;
  failed: Witness | undefined;
  isOpen: boolean;
  /** The calls that have begun and not ended. */
  running: number;
  /** The ledger: of each kind of effect the first two, and how many there are. */
  readonly effects: Map<string, { readonly first: Witness; second: Witness | undefined; count: number }>;
  readonly ids: Set<string>;
  readonly named: Map<string, Witness>;
  /** The requests that effects say they are of, each with the first of them. */
  readonly effectRequests: Map<string, Witness>;
}

export const newKeyState = (): KeyState => ({
  invoked: undefined,
  requests: new Set(),
  first: undefined,
  other: undefined,
  foreign: undefined,
  none: undefined,
  effectful: undefined,
  otherEffects: undefined,
  failed: undefined,
  isOpen: false,
  running: 0,
  effects: new Map(),
  ids: new Set(),
  named: new Map(),
  effectRequests: new Map(),
});

/** Adds one line to what is known of its key. */
export function addEvent(state: KeyState, event: HistoryEvent, witness: Witness): void {
  switch (event.type) {
    case "invoke":
      state.invoked ??= witness;
      if (event.request !== undefined) state.requests.add(event.request);
      state.running += 1;
      return;
    case "ok":
      state.running -= 1;
      return addAnswer(state, event, witness);
    case "fail":
      state.running -= 1;
      state.failed ??= witness;
      return;
    case "info":
      state.running -= 1;
      state.isOpen = true;
      return;
    case "effect":
      return addEffect(state, event, witness);
  }
}

function addAnswer(state: KeyState, { request, response, effects }: HistoryEvent, witness: Witness): void {
  const answer = { ...witness, request, response };
  if (state.first === undefined) state.first = answer;
  else if (state.first.request !== request) state.foreign ??= answer;
  else if (state.first.response !== response) state.other ??= answer;
  if (effects === undefined) return;
  if (effects.length === 0) state.none ??= witness;
  else if (state.effectful === undefined) state.effectful = { ...witness, ids: sorted(effects) };
  else if (state.otherEffects === undefined) {
    const ids = sorted(effects);
    if (ids.join("\n") !== state.effectful.ids.join("\n")) state.otherEffects = { ...witness, ids };
  }
  for (const id of effects) if (!state.named.has(id)) state.named.set(id, witness);
}

const sorted = (ids: readonly string[]): readonly string[] => [...new Set(ids)].toSorted();

function addEffect(state: KeyState, { effect, name, request }: HistoryEvent, witness: Witness): void {
  state.ids.add(effect!);
  const known = state.effects.get(name);
  if (known === undefined) state.effects.set(name, { first: witness, second: undefined, count: 1 });
  else {
    known.second ??= witness;
    known.count += 1;
  }
  if (request !== undefined && !state.effectRequests.has(request)) state.effectRequests.set(request, witness);
}

type Note = (violation: Violation, what: string, lines: readonly (Witness | undefined)[]) => void;

/** The anomalies of one key, once all of its lines are known. @param hasLedger whether the history has effects at all. */
export function judgeKey(name: string, state: KeyState, hasLedger: boolean): Anomaly[] {
  const [scope, key] = JSON.parse(name) as [string, string];
  const found: Anomaly[] = [];
  const note: Note = (violation, what, lines) => {
    const witnesses = lines.filter((line) => line !== undefined).map(({ line, text }) => ({ line, text }));
    const { rule } = violations[violation];
    found.push({ rule, violation, scope, key, what, lines: witnesses.sort((one, two) => one.line - two.line) });
  };
  judgeNumber(state, note);
  judgeLoss(state, hasLedger, note);
  const { first, other, foreign, requests, effectRequests } = state;
  const foreignEffect = [...effectRequests].find(([request]) => request !== first?.request)?.[1];
  if (other !== undefined)
    note("different-responses", `It was answered with ${said(first!)}, and later with ${said(other)}.`, [first, other]);
  if (foreign !== undefined)
    note("two-requests", "Two different requests both got a success under it.", [first, foreign]);
  else if (foreignEffect !== undefined && first?.request !== undefined)
    note("effect-of-another-request", "Its success answers another request than the one that had the effect.", [
      first,
      foreignEffect,
    ]);
  else if (first?.request !== undefined && requests.size > 0 && !requests.has(first.request))
    note("unsent-request", "Its success answers a request that no caller sent under it.", [state.invoked, first]);
  return found;
}

/** At most one effect. */
function judgeNumber({ effects, effectful, otherEffects }: KeyState, note: Note): void {
  let isDoubled = false;
  for (const [kind, { first, second, count }] of effects) {
    if (second === undefined) continue;
    isDoubled = true;
    const what = kind === "" ? "Its effect" : `Its effect "${kind}"`;
    note("two-effects", `${what} is in the ledger ${count} times.`, [first, second]);
  }
  if (otherEffects !== undefined && !isDoubled)
    note(
      "different-effects",
      `A success names ${effectful!.ids.join(", ")}, and another one ${otherEffects.ids.join(", ")}.`,
      [effectful, otherEffects],
    );
}

/** No acknowledged effect is lost, and none happens that its caller believes has not. */
function judgeLoss(state: KeyState, hasLedger: boolean, note: Note): void {
  if (hasLedger)
    for (const [id, witness] of state.named) {
      if (state.ids.has(id)) continue;
      note("effect-not-there", `A success names the effect ${id}, which is not in the ledger under this key.`, [
        witness,
      ]);
      break;
    }
  const [effect] = [...state.effects.values()];
  const known = effect?.first ?? state.effectful;
  if (state.none !== undefined && known !== undefined)
    note(
      "effect-denied",
      `A success says that there is no effect, and ${effect === undefined ? "another success names one" : "one is in the ledger"}.`,
      [state.none, known],
    );
  if (effect === undefined) return;
  if (state.invoked === undefined)
    note("effect-without-a-request", "It has an effect, and there was no request.", [effect.first]);
  const isSure = state.failed !== undefined && state.first === undefined && !state.isOpen && state.running <= 0;
  if (isSure)
    note("effect-disbelieved", "Its caller believes that nothing happened, and its effect is in the ledger.", [
      state.failed,
      effect.first,
    ]);
}

const said = ({ response }: Answer): string => (response === undefined ? "no response" : response);
