import type { Awaitable } from "../core/awaitable.ts";
import { hasMethod, wrongClientError } from "../core/duck-typing.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { checkBoolean, checkFunction, checkNumber, requireBoolean, invalidOptionError } from "../core/options.ts";
import { nameProblem } from "../key/key.ts";
import type { EngineOptions } from "../engine/options.ts";
import type { Store } from "../stores/store.ts";

/** A call of a tool, as the harness hands it over. */
export interface PlannedCall {
  readonly tool: string;
  /** The arguments that the model gave. */
  readonly input: unknown;
  /** Values that the harness gave beside them, such as the options of the AI SDK. */
  readonly options: unknown;
}

/** The messages that the model was shown before it made a call. */
export interface RunHistory {
  /** All of it, in order, as JSON would write it: the messages of the run. */
  readonly entries: readonly unknown[];
  /** The calls of tools in it that have a result there, and no error. */
  readonly calls: readonly { readonly tool: string; readonly input: unknown }[];
  /** The same object for all calls of one answer of the model; default: each call is a separate answer. */
  readonly answer?: object | undefined;
  /** The call's id, the same when the harness executes the same call of the same answer again. */
  readonly callId?: string | undefined;
}

/** An earlier call of the run that another one may be a repeat of. */
export interface EarlierCall {
  /** The id for the answer `{ same: id }`. */
  readonly id: string;
  readonly input: unknown;
  /** `done`: it happened, and its result is stored. `unknown`: it may or may not have happened. */
  readonly state: "done" | "unknown";
  /** Whether another call of this process has come for it already, so that it is hardly this one. */
  readonly isTaken: boolean;
}

/** A call of which no rule can say whether it is a repeat. */
export interface Undecided {
  readonly tool: string;
  readonly input: unknown;
  /**
   * `left-behind`: the model can't have seen what became of the earlier calls. `in-doubt`: its result said that the outcome is unknown.
   * `changed`: the step came before, with other arguments. `in-same-words`: one of the earlier calls, the first of them, was in these
   * words, and the others have not come yet; the model may have worded one of them anew.
   */
  readonly why: "left-behind" | "in-doubt" | "changed" | "in-same-words";
  readonly earlier: readonly EarlierCall[];
}

/**
 * `"another"`: it is a separate intention, and is executed; a later call may still be one of the earlier ones, and is
 * asked about. `"all-others"`: so are all later ones, and the earlier ones are asked about no more. `{ same: id }`: it is that
 * earlier call once more, and gets its result. `"stop"`: nothing happens, and the call fails with
 * `ONCE_INTENTION_UNDECIDED`.
 */
export type UndecidedAnswer = "another" | "all-others" | "stop" | { readonly same: string };

const engineNames = {
  leaseMs: true,
  retentionMs: true,
  heldRetentionMs: true,
  waitMs: true,
  storeMsMax: true,
  handlerMsMax: true,
  onEvent: true,
  onError: true,
  clock: true,
  random: true,
} as const satisfies Partial<OptionNames<EngineOptions>>;

/** How the calls of one run of an agent are distinguished and executed. */
export interface RunOptions extends Pick<EngineOptions, keyof typeof engineNames> {
  /** The store of intentions and results, for as long as the run may be resumed: see `retentionMs`. */
  readonly store: Store;
  /** The run's own id, which no other run ever has: the same when it is resumed, 1 to 200 characters. */
  readonly run: string;
  /**
   * The step of the run that a call is, where the harness has ids that stay the same when it plans or resumes again: one
   * step, one intention of a tool. `undefined` for a call that has none. Never the id that the model gave the call.
   */
  readonly step?: ((call: PlannedCall) => string | undefined) | undefined;
  /** Returns the messages that the model was shown before a call; default: the messages that the AI SDK hands over, `undefined` elsewhere. */
  readonly history?: ((call: PlannedCall) => RunHistory | undefined) | undefined;
  /**
   * Says that a run that is resumed starts over, and asks for all its calls again: then a call is the first one with the
   * same arguments that has not come yet. Default false.
   */
  readonly replay?: boolean | undefined;
  /**
   * Which tools a model that plans again calls with the very same arguments as before, such as an order by its number. Of those,
   * equal arguments tell a repeat from the other calls of its answer. Of all others, such as a mail, a person is asked where an
   * earlier call in other words is left. Default none; `true`: all of them. A step needs no such word.
   */
  readonly verbatim?: boolean | ((tool: string) => boolean) | undefined;
  /**
   * Which tools keep the key that they are given, such as those of a server that uses once-again: a call with an unknown
   * outcome is made again, under its key. Of all others it is held. Default none; `true`: all of them.
   */
  readonly keyed?: boolean | ((tool: string) => boolean) | undefined;
  /** How often a keyed tool is called before the call fails: a whole number of at least 1, default 3. */
  readonly attemptsMax?: number | undefined;
  /** How many intentions a run may have: a whole number of at least 1, default 10,000. */
  readonly intentionsMax?: number | undefined;
  /**
   * Is asked about a call of which no rule can say whether it is a repeat. Default: it fails with
   * `ONCE_INTENTION_UNDECIDED`, and nothing happens. Other calls of the run wait meanwhile.
   */
  readonly onUndecided?: ((question: Undecided) => Awaitable<UndecidedAnswer>) | undefined;
  /** How long a result is stored, whole milliseconds; default 30 days. No run should be resumed later. */
  readonly retentionMs?: number | undefined;
  /** How long a call is taken to run when its process has died, whole milliseconds; default 10,000. */
  readonly leaseMs?: number | undefined;
  /**
   * How long a call waits for the same one that is running, milliseconds; default 5000 longer than `leaseMs`: a run that is
   * resumed at once waits out the lease of the process that died.
   */
  readonly waitMs?: number | undefined;
}

const names: OptionNames<RunOptions> = {
  ...engineNames,
  store: true,
  run: true,
  step: true,
  history: true,
  replay: "boolean",
  verbatim: true,
  keyed: true,
  attemptsMax: true,
  intentionsMax: true,
  onUndecided: true,
};

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for the first option that makes no sense. */
export function checkRunRules(options: RunOptions) {
  if (hasMethod(options, "claim")) throw wrongClientError("options", "an object such as { store, run }", options);
  checkNames("openRun", options, names);
  const { run } = options;
  if (!hasMethod(options.store, "claim")) throw wrongClientError("store", "a store of once-again", options.store);
  if (nameProblem(run) !== undefined || run.length > 200) {
    throw invalidOptionError("run", "the run's own id, a text of 1 to 200 characters", run);
  }
  const whole = { min: 1, integer: true };
  return Object.freeze({
    store: options.store,
    scope: `run:${run}`,
    step: checkFunction("step", options.step),
    history: checkFunction("history", options.history),
    isReplayed: options.replay ?? false,
    isVerbatim: toolRule("verbatim", options.verbatim),
    isKeyed: toolRule("keyed", options.keyed),
    attemptsMax: checkNumber("attemptsMax", options.attemptsMax ?? 3, whole),
    intentionsMax: checkNumber("intentionsMax", options.intentionsMax ?? 10_000, whole),
    onUndecided: checkFunction("onUndecided", options.onUndecided) ?? (() => "stop" as const),
  });
}

/** A rule for all tools, or a function that decides for each. */
function toolRule(name: string, rule: boolean | ((tool: string) => boolean) = false): (tool: string) => boolean {
  if (typeof rule !== "function") checkBoolean(name, rule);
  return (tool) => (typeof rule === "function" ? requireBoolean(`${name}()`, rule(tool)) : rule);
}

/** The rules, checked, with every default filled in. */
export type RunRules = ReturnType<typeof checkRunRules>;
