import { OnceAgainError } from "../core/errors.ts";
import { keyQueue } from "../core/key-queue.ts";
import { openEngine } from "../engine/open-engine.ts";
import { defaultWaitMs } from "../engine/options.ts";
import { fingerprintOfCall } from "../function/call-operation.ts";
import { type CallPosition, matchCall } from "./match-call.ts";
import { callPositions, type FingerprintCall } from "./call-position.ts";
import { type Journal, type JournalEntry, openJournal } from "./journal.ts";
import { type CallTool, makeToolCall, type RunParts } from "./make-tool-call.ts";
import { checkRunRules, type PlannedCall, type RunOptions, type RunRules, type Undecided } from "./run-options.ts";

/** One run of an agent: its intentions, each with one effect, whatever becomes of the process. */
export interface Run extends AsyncDisposable {
  /**
   * Makes one call of a tool, unless it was made before: what `onceTools` does, for harnesses with tools of their own form.
   *
   * @throws what the tool throws that had no effect, and OnceAgainError:
   *   `ONCE_INTENTION_UNDECIDED` when no rule can say whether it is a repeat: nothing happened.
   *   `ONCE_OUTCOME_UNKNOWN` when it may or may not have happened, and is held.
   *   `ONCE_IN_PROGRESS` while another process makes it.
   *   `ONCE_ARGUMENTS_UNFIT` for arguments that JSON can't keep; `ONCE_INTENTS_FULL`; `ONCE_STORE_UNAVAILABLE`: nothing
   *   happened.
   *   `ONCE_RESULT_UNFIT`, `ONCE_RESULT_TOO_LARGE` when it happened, and its result can't be stored.
   *   The reason of `signal` when it aborts: a call that has begun goes on, and one that has not does not begin.
   */
  call(
    planned: PlannedCall,
    callTool: CallTool,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<unknown>;
  /** Takes no new calls, and resolves when the running ones have ended and are stored. The store stays open. */
  close(): Promise<void>;
}

/**
 * Opens a run of an agent, or resumes it: the key of each call is made by the program, and is in the store with the intention
 * before the call. See `onceTools`.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 * @example
 * ```ts
 * await using run = openRun({ store: sqliteStore({ path: "runs.db" }), run: conversation.id, keyed: true });
 * const tools = onceTools(run, { charge, sendMail });
 * ```
 */
export function openRun(options: RunOptions): Run {
  const rules = checkRunRules(options);
  const { store: _store, run: _run, step: _step, history: _history, replay: _replay, ...others } = options;
  const {
    verbatim: _verbatim,
    keyed: _keyed,
    attemptsMax: _attempts,
    intentionsMax: _intentions,
    onUndecided: _onUndecided,
    ...given
  } = others;
  const { leaseMs = 10_000 } = given;
  const engineOptions = { waitMs: leaseMs + defaultWaitMs, retentionMs: 30 * dayMs, ...given, leaseMs };
  const holding = openEngine({ ...engineOptions, store: rules.store });
  // A tool that passes its key on makes a duplicate harmless.
  const { quiesceMs } = holding.options.steps;
  const rerunning = holding.openBeside({ takeOverAfterMs: quiesceMs, acknowledgeDuplicates: true });
  const engines = { holding: holding.engine, rerunning };
  const parts: RunParts = { rules, engines, options: holding.options };
  const choose = intentionChooser(rules, openJournal(rules, holding));
  // One decision at a time: each one counts on those before.
  const inTurn = keyQueue();
  const close = async (): Promise<void> => {
    await Promise.all([engines.holding.close(), engines.rerunning.close()]);
  };
  return {
    async call(planned, callTool, { signal } = {}) {
      signal?.throwIfAborted();
      const entry = await inTurn(rules.scope, () => choose(planned, signal));
      return makeToolCall(parts, entry, callTool, signal);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Finds the intention that a call is; a person is asked where no rule can tell. The call begins, unless its caller has left by then. */
type ChooseIntention = (planned: PlannedCall, signal: AbortSignal | undefined) => Promise<JournalEntry>;

function intentionChooser(rules: RunRules, journal: Journal): ChooseIntention {
  const places = callPositions(rules);
  const fingerprintCall: FingerprintCall = (tool, input) =>
    fingerprintOfCall({ scope: tool, fingerprint: "arguments" }, [input]);

  return async (planned, signal) => {
    const { tool, input } = planned;
    const fingerprint = await fingerprintCall(tool, input);
    const place = await places.locate(planned, fingerprintCall);
    const intentions = await journal.intentions();
    signal?.throwIfAborted();
    const record: Parameters<typeof journal.add>[1] = {
      ...{ tool, fingerprint, input },
      root: place.rule === "history" ? place.root : undefined,
    };
    const match = matchCall({ tool, fingerprint, place, isVerbatim: rules.isVerbatim(tool) }, intentions);
    /** One that is written down without its call is planned, as one of a process that died then. */
    const add = async (name: string, added = record): Promise<JournalEntry> => {
      const entry = await journal.add(name, added);
      signal?.throwIfAborted();
      return entry;
    };
    if (match.kind === "new") return begin(await add(match.name), place);
    if (match.kind === "same") {
      match.intention.matchedName = match.intention.name;
      return begin(targetOf(match.intention as JournalEntry, intentions), place, match.intention.name);
    }
    const earlier = match.earlier as readonly JournalEntry[];
    const answer = await rules.onUndecided(questionOf(planned, match.why, earlier));
    signal?.throwIfAborted();
    if (answer === "another") return begin(await add(match.name), place);
    if (answer === "all-others") {
      const apart = earlier.map(({ name }) => name);
      return begin(await add(match.name, { ...record, apart }), place);
    }
    const same = typeof answer === "object" ? earlier.find(({ name }) => name === answer.same) : undefined;
    if (same === undefined) throw undecidedError(tool, match.why);
    // A call that is repeated in the same words takes no other call's place.
    const isAsBefore = place.rule === "occurrence" || match.why === "in-same-words";
    const isNamed = !isAsBefore || same.fingerprint !== fingerprint;
    const isPlanned = intentions.some(({ name }) => name === match.name);
    const own = isPlanned ? `${match.name} beside ${intentions.length}` : match.name;
    if (isNamed) (await add(own, { ...record, same: same.name })).matchedName = own;
    return begin(targetOf(same, intentions), place, isNamed ? own : same.name);
  };
}

const dayMs = 86_400_000;

/** From here on the call runs in this process. @param name of the call that it is. */
function begin(entry: JournalEntry, place: CallPosition, name = entry.name): JournalEntry {
  if (place.rule === "history") entry.answer = place.answer;
  if (entry.state === "planned") entry.state = "running";
  entry.matchedName = name;
  entry.isWaiting = true;
  return entry;
}

/** The intention that has the call, where a person said that this one is it once more. */
function targetOf(entry: JournalEntry, intentions: readonly JournalEntry[]): JournalEntry {
  const { same } = entry.record;
  return same === undefined ? entry : intentions.find(({ name }) => name === same)!;
}

function questionOf({ tool, input }: PlannedCall, why: Undecided["why"], earlier: readonly JournalEntry[]): Undecided {
  return {
    tool,
    input,
    why,
    earlier: earlier.map(({ name, record, state, matchedName }) => ({
      id: name,
      input: record.input,
      state: state === "done" ? "done" : "unknown",
      isTaken: matchedName !== undefined,
    })),
  };
}

const reasons: Readonly<Record<Undecided["why"], string>> = {
  "left-behind": "this run has not seen the result of an earlier call of it",
  "in-doubt": "an earlier call of it may or may not have happened",
  changed: "this step has called it before, with other arguments",
  "in-same-words":
    "an earlier call of it had these arguments, and another one, with other arguments, has not come again",
};

function undecidedError(tool: string, why: Undecided["why"]): OnceAgainError {
  return new OnceAgainError(
    "ONCE_INTENTION_UNDECIDED",
    `Nothing happened: "${tool}" was not called, since ${reasons[why]}, and this call may be a repeat of that one. ` +
      "Do not call it again for the same purpose, and do not use another tool: tell the user that a person has to decide.",
    { details: { tool, why } },
  );
}
