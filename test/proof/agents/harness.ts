import { OnceAgainError } from "../../../packages/once-again/src/core/errors.ts";
import { type OnceCall, onceTools, openRun } from "../../../packages/once-again/src/agents/index.ts";
import type { EarlierCall, Undecided, UndecidedAnswer } from "../../../packages/once-again/src/agents/run-options.ts";
import type { ScriptedModel, WantedCall } from "./model.ts";
import { haveEffect, type Life, type ToolResult, type World } from "./world.ts";

/** The state that a harness writes down, and reads when it is resumed. */
export interface Checkpoint {
  answers: number;
  messages: readonly object[];
}

/** The state of the run so far, as an observer from outside knows it. */
export interface Ledger {
  /** The results that the model got, and what its call was in truth; what a resumed run asks for anew is taken out. */
  handedOut: { readonly truth: string; readonly effect: number; readonly answer: number }[];
  /** In which words each intention was asked for. */
  readonly asked: Map<string, Set<string>>;
  /** The true intention behind each intention's name; the key of its executed call. */
  readonly truths: Map<string, string>;
  readonly keys: Map<string, string>;
  readonly truthsByKey: Map<string, string>;
  lives: number;
  calls: number;
  questions: number;
  stopped: number;
  failed: number;
  /** Results that the model got, and how many of them by a call of the tool. */
  results: number;
  ran: number;
}

/** The context of a call, beside its input. */
interface CallOptions {
  readonly truth: string;
  readonly toolCallId?: string;
  readonly messages?: readonly object[];
  /** Called when the tool itself was called. */
  readonly onRun: () => void;
}

type CallTool = (call: WantedCall, options: CallOptions) => Promise<ToolResult>;

/** One process of a harness: it goes on from the checkpoint, until the model has nothing more to say, or it dies. */
export async function playLife(
  life: Life,
  model: ScriptedModel,
  checkpoint: Checkpoint,
  ledger: Ledger,
): Promise<void> {
  const { world } = life;
  const { plan, random } = world;
  const callTool = plan.rule === "hash" || plan.rule === "call-id" ? carelessTools(life) : onceCallTools(life, ledger);
  // A harness of the rule replay starts over.
  let { answers, messages } =
    plan.rule === "replay" ? { answers: 0, messages: [{ role: "user", content: "Go." }] } : checkpoint;
  ledger.handedOut = ledger.handedOut.filter(({ answer }) => answer < answers);
  while (answers < model.answers) {
    await life.point();
    if (random() < plan.shortenShare) messages = messages.slice(-1);
    let calls = model.answer(answers);
    while (calls.length > 0) {
      const shown = messages;
      const answered = await Promise.all(calls.map((call) => callOnce(world, callTool, call, shown, ledger)));
      messages = [...messages, ...answered.flatMap((answer) => answer.messages)];
      // The model sees what failed, and asks for some of it once more.
      calls = calls.filter((_call, at) => answered[at]!.hasFailed && random() < plan.askAgainShare);
    }
    answers += 1;
    await life.point();
    if (random() < plan.checkpointShare) Object.assign(checkpoint, { answers, messages });
  }
}

/** Calls a tool, and returns what the model is shown of it. */
async function callOnce(
  { random }: World,
  callTool: CallTool,
  call: WantedCall,
  shown: readonly object[],
  ledger: Ledger,
): Promise<{ messages: object[]; hasFailed: boolean }> {
  // The model gives each call an id, and never the same one.
  const toolCallId = `call-${Math.floor(random() * 1e12)}`;
  const { truth, input, tool } = call;
  ledger.calls += 1;
  ledger.asked.set(truth, (ledger.asked.get(truth) ?? new Set()).add(`${tool} ${input.item}`));
  let output: unknown;
  let hasFailed = false;
  let hasRun = false;
  try {
    const onRun = (): void => void (hasRun = true);
    const result = await callTool(call, { truth, toolCallId, messages: shown, onRun });
    ledger.results += 1;
    if (hasRun) ledger.ran += 1;
    ledger.handedOut.push({ truth, effect: result.effect, answer: Number.parseInt(truth, 10) });
    output = { type: "json", value: result };
  } catch (error) {
    hasFailed = true;
    ledger.failed += 1;
    if (OnceAgainError.isInstance(error, "ONCE_INTENTION_UNDECIDED")) ledger.stopped += 1;
    output = { type: "error-text", value: (error as Error).message };
  }
  const messages = [
    { role: "assistant", content: [{ type: "tool-call", toolCallId, toolName: tool, input }] },
    { role: "tool", content: [{ type: "tool-result", toolCallId, toolName: tool, output }] },
  ];
  return { messages, hasFailed };
}

/** The tools as a harness wraps them that read the guide. The person who is asked knows the truth. */
function onceCallTools(life: Life, ledger: Ledger): CallTool {
  const { world } = life;
  const { plan, random } = world;
  let deciding = "";
  const mark = "intention ";
  const store = life.store(
    () => deciding,
    (key, truth) => {
      if (key.startsWith(mark)) ledger.truths.set(key.slice(mark.length), truth);
    },
    (key, result) => {
      if (!key.startsWith(mark)) return;
      ledger.keys.set(key.slice(mark.length), (JSON.parse(new TextDecoder().decode(result)) as { key: string }).key);
    },
  );
  const onUndecided = async ({ earlier }: Undecided): Promise<UndecidedAnswer> => {
    await life.point();
    ledger.questions += 1;
    if (random() < plan.stopShare) return "stop";
    const own = earlier.find(({ id }) => truthOf(ledger, id) === deciding);
    // Equal calls can't be distinguished: where another call has got the result of this one, this one gets that of the
    // other.
    const isGone = own?.isTaken === true && hasGone(world, ledger, deciding);
    const equal = isGone ? earlier.find((one) => !one.isTaken && itemOf(one) === itemOf(own)) : own;
    const same = equal ?? earlier.find(({ id }) => isLeft(world, ledger, deciding, truthOf(ledger, id)!));
    return same === undefined ? "another" : { same: same.id };
  };
  const run = openRun({
    store,
    run: "run",
    step: ({ options }) => {
      deciding = (options as CallOptions).truth;
      return plan.rule === "step" ? deciding : undefined;
    },
    ...(plan.rule === "history" ? undefined : { history: () => undefined }),
    replay: plan.rule === "replay",
    // A mail is worded anew, and an order is not.
    verbatim: (tool) => tool === "order",
    keyed: plan.isKeyed,
    onUndecided,
    leaseMs: 500,
    clock: world.clock,
    random,
    onError: () => undefined,
  });
  const effect = ({ item }: WantedCall["input"], { once, ...options }: OnceCall): Promise<ToolResult> => {
    const { truth, onRun } = options as unknown as CallOptions;
    onRun();
    ledger.truthsByKey.set(once.key, truth);
    return haveEffect(life, truth, item, once.key);
  };
  const tools = onceTools(run, { order: effect, mail: effect });
  return ({ tool, input }, options) => tools[tool](input, options);
}

/**
 * An intention may be executed as another call than the one that it was written down for, if nothing had happened before.
 */
const truthOf = ({ truths, keys, truthsByKey }: Ledger, id: string): string | undefined =>
  truthsByKey.get(keys.get(id) ?? "") ?? truths.get(id);

const itemOf = ({ input }: EarlierCall): string => (input as WantedCall["input"]).item;

/** Whether another call has got the result of the effect that a call had. */
const hasGone = ({ effects }: World, { handedOut }: Ledger, truth: string): boolean =>
  handedOut.some((entry) => entry.truth !== truth && effects[entry.effect]!.truth === truth);

/**
 * Whether a call stands for an earlier one that is not its own, for one who knows what was sent: another call in the same words
 * has taken its own, and the earlier one is left of a call that has got its result elsewhere.
 */
function isLeft({ effects }: World, { handedOut }: Ledger, truth: string, earlier: string): boolean {
  const isTaken = effects.some((effect) => effect.truth === truth);
  return isTaken && handedOut.some((entry) => entry.truth === earlier && effects[entry.effect]!.truth !== earlier);
}

/** The tools as careless harnesses wrap them: the key is a hash of the arguments, or the id that the model gave. */
function carelessTools(life: Life): CallTool {
  const { plan, resultsByKey } = life.world;
  return async ({ tool, input }, { truth, toolCallId = "" }) => {
    const key = plan.rule === "hash" ? `${tool} ${input.item}` : toolCallId;
    const known = resultsByKey.get(key);
    return known ?? haveEffect(life, truth, input.item, key);
  };
}
