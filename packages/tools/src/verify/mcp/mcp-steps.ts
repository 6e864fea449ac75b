import { fillInKeys, runSteps, type RunState, type Step } from "../suite/run-steps.ts";
import { NotApplicable, type Verdict } from "../verdict.ts";
import { evaluateMcp, sayMcp } from "./evaluate-mcp.ts";
import type { ListedTool, McpRequest, McpResponse, TestCall } from "./mcp-messages.ts";
import type { McpProbe } from "./mcp-probe.ts";
import { type CallChange, type McpStep, mcpSuite } from "./mcp-suite.ts";

type State = RunState<McpRequest, McpResponse>;

/** Runs the steps of a case of conformance/mcp-cases.json. @throws NotApplicable NoResponse */
export function runMcpSteps(steps: readonly Step<McpStep>[], probe: McpProbe): Promise<Verdict> {
  const lists: (readonly ListedTool[])[] = [];
  const factsOf = (state: State) => ({ ...state, target: probe.target, lists });
  return runSteps<McpRequest, McpResponse, McpStep>(steps, {
    strictness: "practice",
    judgements: mcpSuite.judgements,
    newRequest: () => probe.newCall(),
    async run(step, state) {
      if ("list" in step) {
        const tools = await probe.listTools(step.connection);
        lists.push(tools);
        return tools.map((tool) => ({ tool }));
      }
      if ("keep" in step) {
        return state.responses.filter((_, at) => evaluateMcp(step.keep, { ...factsOf(state), at }) === true);
      }
      return runStep(step, state, probe);
    },
    tally: (kind, run) => (kind === "guess" ? probe.tally(run) : probe.count(run)),
    evaluate: (expression, state) => evaluateMcp(expression, factsOf(state)),
    say: (text, state) => sayMcp(text, factsOf(state)),
  });
}

type PlainStep = Exclude<McpStep, { readonly list: unknown } | { readonly keep: unknown }>;

async function runStep(step: PlainStep, state: State, probe: McpProbe): Promise<readonly McpResponse[] | undefined> {
  if ("send" in step) return probe.send(state.allNamed(step.send, step.times), step.how ?? "in-turn", step.afterMs);
  if ("settle" in step) return [await probe.settle(state.named(step.settle))];
  if ("key" in step) state.keys.set(step.key, crypto.randomUUID());
  else if ("method" in step) {
    const { method, params } = step;
    state.requests.set(step.request, { method, params: filled(params, state) as object });
  } else if ("request" in step) {
    const call = state.named(step.from ?? "new") as TestCall;
    state.requests.set(
      step.request,
      (step.change ?? []).reduce((changed, change) => changeCall(changed, change, state, probe), call),
    );
  } else if ("notify" in step) await probe.notify(step.notify, step.params);
  else await (step.pause === "quietMs" ? probe.untilQuiet() : probe.pause(probe.target.pauseMs));
  return undefined;
}

/** The value with the keys of its texts filled in. */
const filled = (value: unknown, state: State): unknown =>
  JSON.parse(fillInKeys(JSON.stringify(value), state)) as unknown;

/** @throws NotApplicable when the options lack something. */
function changeCall(call: TestCall, change: CallChange, state: State, probe: McpProbe): TestCall {
  if (change.key !== undefined)
    return { ...call, key: change.key.length === 0 ? undefined : filled(change.key[0], state) };
  if (change.arguments !== undefined) return { ...call, args: change.arguments };
  if (change.addArguments !== undefined) return { ...call, args: { ...(call.args as object), ...change.addArguments } };
  if (change.otherArguments) return probe.withOtherArguments(call);
  if (change.refusedArguments) return probe.withRefusedArguments(call);
  if (change.reverseMembers) {
    const members = Object.entries(call.args as object);
    if (members.length < 2) throw new NotApplicable("the call has only one argument");
    return { ...call, args: Object.fromEntries(members.toReversed()) };
  }
  if (change.meta !== undefined) return { ...call, meta: change.meta };
  if (change.connection !== undefined) return probe.over(change.connection, call);
  throw new Error(`The suite has a change ${Object.keys(change).join()}, which this program does not know.`);
}
