import { hasMethod, wrongClientError } from "../core/duck-typing.ts";
import { OnceAgainError } from "../core/errors.ts";
import { invalidOptionError } from "../core/options.ts";
import { errorMeta, keyMeta, type ToolResult } from "../mcp/index.ts";
import type { Run } from "./open-run.ts";
import type { ToolCallContext } from "./make-tool-call.ts";

/** The properties that a tool's second argument gets beside those of the harness. */
export interface OnceCall {
  /** The call's key, and what else is known of it. */
  readonly once: ToolCallContext;
}

/**
 * A plain function that a harness hands to a model. The type of a method, since its parameters may be narrower: an SDK's own second
 * argument beside `once`, as `(input, context: RunContext & OnceCall, details)`.
 */
export type ToolFunction = { call(input: never, options: OnceCall, ...others: never[]): unknown }["call"];

/** A tool of the AI SDK, as `tool()` returns it. One without `execute` runs elsewhere, and is returned unchanged. */
export interface ExecutableTool {
  readonly execute?: ((input: never, options: never) => unknown) | undefined;
}

/** The methods of a client of the MCP SDK that are used here. */
export interface ToolClient {
  callTool(params: never, ...others: never[]): Promise<unknown>;
}

/** The same tools, with functions that a harness calls as before. */
export type OnceTools<Tools> = Tools extends ToolClient
  ? Tools
  : {
      [Name in keyof Tools]: Tools[Name] extends (input: infer Input, ...others: never[]) => infer Result
        ? (input: Input, options?: object) => Promise<Awaited<Result>>
        : Tools[Name];
    };

/**
 * Wraps the tools that a harness hands to a model: an MCP client, tools of the AI SDK, or plain functions, by their names.
 * Each call is one of the run's intentions, by the run's rules: it is executed once, with a key that the program made,
 * and every repeat gets the first result, also after a crash.
 *
 * A function finds its key in `once`, in its second argument, beside what its harness hands over there; further arguments are
 * passed on. `execute` of the AI SDK finds it in its options. A call of
 * an MCP client carries it in `params._meta["once-again/idempotency-key"]`.
 *
 * A tool of another SDK is refused, since a tool that is returned unwrapped runs again at each repeat. Wrap its function
 * instead, and give the wrapped function to that SDK: `tool(onceTools(run, { charge }).charge, { name, schema })`.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, also for a tool that is neither a function nor a tool of the AI SDK.
 * @example
 * ```ts
 * const { charge } = onceTools(run, {
 *   charge: async ({ order }: { order: string }, { once: { key } }) => payments.charge(order, { idempotencyKey: key }),
 * });
 * await charge({ order: "order-7" });
 * ```
 */
export function onceTools<Tools extends ToolClient | Readonly<Record<string, ToolFunction | ExecutableTool>>>(
  run: Run,
  tools: Tools,
): OnceTools<Tools> {
  if (!hasMethod(run, "call") || !hasMethod(run, "close")) {
    throw wrongClientError("run", "what openRun({ store, run }) returns", run);
  }
  if (hasMethod(tools, "callTool")) return onceClient(run, tools as unknown as ToolClient) as OnceTools<Tools>;
  if (!isPlainObject(tools))
    throw invalidOptionError("tools", "an object of tools by their names, or an MCP client", tools);
  return Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => [name, onceTool(run, name, tool)]),
  ) as OnceTools<Tools>;
}

function onceTool(run: Run, name: string, tool: unknown): unknown {
  if (typeof tool === "function") return onceFunction(run, name, tool as AnyFunction, undefined);
  if (isPlainObject(tool)) {
    const { execute } = tool;
    if (typeof execute === "function") {
      return { ...tool, execute: onceFunction(run, name, execute as AnyFunction, tool) };
    }
    if (runsElsewhere(tool)) return tool;
  }
  throw unfitToolError(name, tool);
}

function isPlainObject(given: unknown): given is Record<string, unknown> {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return false;
  const prototype: unknown = Object.getPrototypeOf(given);
  return prototype === null || prototype === Object.prototype;
}

/** The functions of a tool of the AI SDK that don't do its work. */
const aiSdkCallbacks: ReadonlySet<string> = new Set([
  "inputSchema",
  "needsApproval",
  "onInputAvailable",
  "onInputDelta",
  "onInputStart",
  "outputSchema",
  "toModelOutput",
]);

/** True for a tool of the AI SDK without `execute`: the harness or the model's provider executes it. */
function runsElsewhere(tool: Record<string, unknown>): boolean {
  if (tool["execute"] !== undefined) return false;
  const callbacks = Object.keys(tool).filter((name) => typeof tool[name] === "function");
  const isAiSdks = tool["inputSchema"] !== undefined || String(tool["type"]).startsWith("provider");
  return isAiSdks && callbacks.every((name) => aiSdkCallbacks.has(name));
}

/** How the tools of other SDKs are recognized, and where a wrapped function goes. The first match counts. */
const otherSdks: readonly (readonly [members: readonly string[], sdk: string, usage: string])[] = [
  [["lc_runnable", "invoke"], "LangChain", "tool(charge, { name, schema })"],
  [["invoke", "parameters"], "the OpenAI Agents SDK", "tool({ name, parameters, execute: charge })"],
  [["run", "input_schema"], "Anthropic's tool runner", "betaZodTool({ name, inputSchema, run: charge })"],
  [["execute", "id"], "Mastra", "createTool({ id, inputSchema, execute: charge })"],
];

function unfitToolError(name: string, tool: unknown): OnceAgainError {
  const expected = "a function, or a tool of the AI SDK";
  if (typeof tool !== "object" || tool === null) return invalidOptionError(`tools.${name}`, expected, tool);
  const [, sdk, usage] = otherSdks.find(([members]) => members.every((member) => member in tool)) ?? [];
  return new OnceAgainError(
    "ONCE_OPTION_INVALID",
    `tools.${name} must be ${expected}, but it is ${sdk === undefined ? "an object of another form" : `a tool of ${sdk}`}. ` +
      "It would run again at each repeat. Wrap its function, const { charge } = onceTools(run, { charge: ... }), and give " +
      `that to your SDK${usage === undefined ? "" : `: ${usage}`}. Leave out a tool that runs elsewhere.`,
    { details: { option: `tools.${name}` } },
  );
}

type AnyFunction = (input: unknown, ...others: unknown[]) => unknown;

function onceFunction(run: Run, tool: string, fn: AnyFunction, self: unknown): AnyFunction {
  return (input, ...others) => {
    const [options] = others;
    const signal = others.flatMap((one) => signalsOf(one)).map(([, one]) => one)[0];
    return run.call(
      { tool, input, options },
      async (given: unknown, once) => {
        const [first, ...more] = others.map((one) => withSignal(one, once.signal));
        return lastOf(await fn.call(self, given, withMembers(first, { once }), ...more));
      },
      { signal },
    );
  };
}

/** The signals of a harness in one of the arguments that it hands over, by their names. */
function signalsOf(given: unknown): readonly (readonly [name: string, signal: AbortSignal])[] {
  if (!isPlainObject(given)) return [];
  const names = ["abortSignal", "signal"].filter((name) => given[name] !== undefined);
  return names.map((name) => [name, given[name] as AbortSignal]);
}

/** The same argument for a call that goes on when its caller leaves. */
function withSignal(given: unknown, signal: AbortSignal): unknown {
  const signals = signalsOf(given).map(([name]) => [name, signal]);
  return signals.length === 0 ? given : withMembers(given, Object.fromEntries(signals));
}

/** An object with these members beside its own. One with a class, such as a RunContext, stays one. */
function withMembers(given: unknown, members: Readonly<Record<string, unknown>>): unknown {
  if (typeof given !== "object" || given === null || isPlainObject(given)) return { ...(given as object), ...members };
  return new Proxy(given, {
    has: (target, name) => name in members || name in target,
    get(target, name) {
      if (Object.hasOwn(members, name)) return members[name as string];
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}

/** A tool that shows its progress yields results, of which the last one counts. */
async function lastOf(result: unknown): Promise<unknown> {
  if (typeof result !== "object" || result === null || !(Symbol.asyncIterator in result)) return result;
  let last: unknown;
  for await (const part of result as AsyncIterable<unknown>) last = part;
  return last;
}

/** The results of a server that uses once-again, by their code: nothing happened, or the outcome is unknown. */
const withoutEffect: ReadonlySet<unknown> = new Set([
  "ONCE_CLOSED",
  "ONCE_KEY_INVALID",
  "ONCE_KEY_REUSED",
  "ONCE_NO_EFFECT",
  "ONCE_STORE_UNAVAILABLE",
]);
const inDoubt: ReadonlySet<unknown> = new Set([
  "ONCE_HANDLER_FAILED",
  "ONCE_HANDLER_TIMEOUT",
  "ONCE_IN_PROGRESS",
  "ONCE_OUTCOME_UNKNOWN",
  "ONCE_RESULT_UNCONFIRMED",
]);

interface CallParams {
  readonly name: string;
  readonly arguments?: unknown;
  readonly _meta?: object;
}

function onceClient(run: Run, client: ToolClient): ToolClient {
  const callTool = (params: CallParams, ...others: readonly unknown[]): Promise<unknown> => {
    const { name, arguments: input = {}, _meta: meta } = params;
    const last = others.at(-1) as { signal?: AbortSignal } | undefined;
    const { signal } = last ?? {};
    // A caller that leaves ends its waiting alone.
    const own = signal === undefined ? others : [...others.slice(0, -1), { ...last, signal: undefined }];
    return run.call(
      { tool: name, input, options: params },
      async (given: unknown, once) => {
        const call = { ...params, arguments: given, _meta: { ...meta, [keyMeta]: once.key } };
        const result = (await client.callTool(call as never, ...(own as never[]))) as ToolResult;
        const { _meta: { [errorMeta]: code } = {} } = result;
        if (inDoubt.has(code)) throw new Error(`the server answers ${String(code)}`);
        if (withoutEffect.has(code) || result["resultType"] === "input_required") once.noEffect();
        return result;
      },
      { signal },
    );
  };
  return withMembers(client, { callTool }) as ToolClient;
}
