import type { HistoryEvent } from "./history-event.ts";

/** The rules of a history, by the names of docs/verification.md. */
export const historyRules = {
  "one-effect": "At most one effect of one key.",
  "same-answer": "Acknowledged once, the same answer ever after.",
  "own-answer": "A key never answers for another request.",
  "no-lost-effect": "No acknowledged effect is lost, and none happens that its caller believes has not.",
  "order-per-key": "The effects of a sequence come, each for the first time, in their order.",
} as const;

export type HistoryRule = keyof typeof historyRules;

/** A line of a history that an anomaly needs to be seen. */
export interface Witness {
  readonly line: number;
  readonly text: string;
}

/** One violation, with the fewest lines that show it. */
export interface Anomaly {
  readonly rule: HistoryRule;
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
  if (effects?.length === 0) state.none ??= witness;
  for (const id of effects ?? []) if (!state.named.has(id)) state.named.set(id, witness);
}

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

/** The anomalies of one key, once all of its lines are known. @param hasLedger whether the history has effects at all. */
export function judgeKey(name: string, state: KeyState, hasLedger: boolean): Anomaly[] {
  const [scope, key] = JSON.parse(name) as [string, string];
  const found: Anomaly[] = [];
  const anomaly = (rule: HistoryRule, what: string, lines: readonly (Witness | undefined)[]): void => {
    const witnesses = lines.filter((line) => line !== undefined).map(({ line, text }) => ({ line, text }));
    found.push({ rule, scope, key, what, lines: witnesses.sort((one, two) => one.line - two.line) });
  };
  judgeEffects(state, hasLedger, anomaly);
  const { first, other, foreign, requests, effectRequests } = state;
  const foreignEffect = [...effectRequests].find(([request]) => request !== first?.request)?.[1];
  if (other !== undefined)
    anomaly("same-answer", `It was answered with ${said(first!)}, and later with ${said(other)}.`, [first, other]);
  if (foreign !== undefined)
    anomaly("own-answer", "Two different requests both got a success under it.", [first, foreign]);
  else if (foreignEffect !== undefined && first?.request !== undefined)
    anomaly("own-answer", "Its success answers another request than the one that had the effect.", [
      first,
      foreignEffect,
    ]);
  else if (first?.request !== undefined && requests.size > 0 && !requests.has(first.request))
    anomaly("own-answer", "Its success answers a request that no caller sent under it.", [state.invoked, first]);
  return found;
}

function judgeEffects(
  state: KeyState,
  hasLedger: boolean,
  anomaly: (rule: HistoryRule, what: string, lines: readonly (Witness | undefined)[]) => void,
): void {
  for (const [kind, { first, second, count }] of state.effects) {
    const what = kind === "" ? "Its effect" : `Its effect "${kind}"`;
    if (second !== undefined) anomaly("one-effect", `${what} is in the ledger ${count} times.`, [first, second]);
  }
  // Without a ledger, two ids in the successes of one key are two effects.
  if (!hasLedger && state.named.size > 1 && state.other !== undefined)
    anomaly(
      "one-effect",
      `Its successes name ${state.named.size} different effects.`,
      [...state.named.values()].slice(0, 2),
    );
  if (hasLedger)
    for (const [id, witness] of state.named) {
      if (state.ids.has(id)) continue;
      anomaly("no-lost-effect", `A success names the effect ${id}, which is not in the ledger under this key.`, [
        witness,
      ]);
      break;
    }
  const [effect] = [...state.effects.values()];
  if (effect === undefined) return;
  if (state.invoked === undefined)
    anomaly("no-lost-effect", "It has an effect, and there was no request.", [effect.first]);
  if (state.none !== undefined)
    anomaly("no-lost-effect", "A success says that there is no effect, and one is in the ledger.", [
      state.none,
      effect.first,
    ]);
  const isSure = state.failed !== undefined && state.first === undefined && !state.isOpen && state.running <= 0;
  if (isSure)
    anomaly("no-lost-effect", "Its caller believes that nothing happened, and its effect is in the ledger.", [
      state.failed,
      effect.first,
    ]);
}

const said = ({ response }: Answer): string => (response === undefined ? "no response" : response);
